"""What a classifier looks at: a camera's picture, cropped and reduced. Two views that differ are not interchanged."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from robot_rl.rewards.errors import RewardError

Pictures = NDArray[np.uint8]  # (N, S, S, 3) RGB


@dataclass(frozen=True)
class View:
    """A camera, the size of its pictures, the part that is cut out, and the square it is reduced to."""

    camera: str
    width: int
    """Of the camera's pictures [px]."""
    height: int
    crop: tuple[int, int, int, int] | None = None
    """Left, top, width, height [px] of the part that is looked at; None for the whole picture."""
    size: int = 64
    """Side of the square that the classifier sees [px]; a part that is not square is squeezed."""

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1 or not 8 <= self.size <= 512:
            raise RewardError(
                f"camera '{self.camera}': {self.width} x {self.height} px reduced to {self.size} px: a picture has at "
                "least one pixel, and a classifier sees 8 to 512"
            )
        if self.crop is not None:
            left, top, width, height = self.crop
            inside = min(left, top) >= 0 and left + width <= self.width and top + height <= self.height
            if not (inside and width >= 1 and height >= 1):
                raise RewardError(
                    f"camera '{self.camera}': the crop {self.crop} (left, top, width, height) does not lie within "
                    f"its {self.width} x {self.height} px"
                )

    def __str__(self) -> str:
        part = "the whole" if self.crop is None else "left {}, top {}, {} x {} px".format(*self.crop)
        return f"camera '{self.camera}' of {self.width} x {self.height} px, {part}, reduced to {self.size} px"

    def apply(self, pictures: NDArray[Any]) -> Pictures:
        """Pictures (N, H, W, 3) of the camera to what is looked at (N, size, size, 3); each pixel is an area's mean.

        Raises:
            RewardError: pictures of another size or type.
        """
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[1:] != (self.height, self.width, 3):
            raise RewardError(
                f"camera '{self.camera}' gives {pictures.dtype} pictures of shape {pictures.shape[1:]}; the classifier "
                f"was trained on uint8 ({self.height}, {self.width}, 3): set the camera back, or train a new one"
            )
        if self.crop is not None:
            left, top, width, height = self.crop
            pictures = pictures[:, top : top + height, left : left + width]
        if pictures.shape[1:3] == (self.size, self.size):
            return np.ascontiguousarray(pictures)
        tensor = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float()
        small = functional.interpolate(tensor, (self.size, self.size), mode="area")
        return small.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()

    def require(self, other: View) -> None:
        """Refuse another view than this, the one trained on. Raises RewardError that names both."""
        if self != other:
            raise RewardError(
                f"this classifier was trained on {self}; here it would see {other}. A classifier knows one view: "
                "set the camera and the crop back, or collect and train for the new one"
            )

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> View:
        """Read what `to_dict` wrote. Raises RewardError."""
        try:
            crop = data["crop"]
            return cls(**(data | {"crop": None if crop is None else tuple(crop)}))
        except (KeyError, TypeError) as error:
            raise RewardError(f"{data!r} does not describe a camera's view: {error}") from None
