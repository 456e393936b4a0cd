"""Pictures of several cameras to feature vectors: crop, colours, resize, normalise, backbone, pooling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Generator, Tensor, nn

from robot_rl.policies.encoders.augment import center_crop, color_jitter, crop_size, random_crop
from robot_rl.policies.encoders.backbone import Backbone, BackboneError, Preprocessing, build, output_shape
from robot_rl.policies.encoders.config import EncoderConfig
from robot_rl.policies.encoders.pooling import pooling
from robot_rl.spec import Field

SHARED = "all_cameras"
"""Name of the one backbone that all cameras share."""


def resized(frames: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Bytes (B, H, W, 3) to bytes (B, 3, h, w): squares of the wanted side, low-passed where that is smaller."""
    size, pictures = preprocessing.size, frames.permute(0, 3, 1, 2)
    if not size or pictures.shape[-2:] == (size, size):
        return pictures
    if preprocessing.interpolation == "nearest":
        return nn.functional.interpolate(pictures, (size, size), mode="nearest-exact")
    mode = "bicubic" if preprocessing.interpolation == "bicubic" else "bilinear"
    x = pictures if pictures.device.type == "cpu" else pictures.float()  # only the CPU has it for bytes
    out = nn.functional.interpolate(x, (size, size), mode=mode, antialias=True, align_corners=False)
    return out if out.dtype == torch.uint8 else out.round().clamp(0, 255).byte()


class MapExtractor(nn.Module):
    """A backbone behind the preprocessing that it wants."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.backbone: Backbone = build(config)
        self.preprocessing = self.backbone.preprocessing
        if config.image_size and not self.preprocessing.size:
            self.preprocessing = Preprocessing(size=config.image_size)
        self.frozen = config.frozen
        if self.frozen:
            self.requires_grad_(False)
        for name in ("mean", "std"):
            values = torch.tensor(getattr(self.preprocessing, name)).view(3, 1, 1)
            self.register_buffer(name, values, persistent=False)
        self.train()

    def train(self, mode: bool = True) -> MapExtractor:
        """A frozen backbone always works as at evaluation."""
        super().train(mode and not self.frozen)
        return self

    def pictures(self, frames: Tensor) -> Tensor:
        """Bytes (B, H, W, 3) to pictures (B, 3, h, w) in [0, 1] of the backbone's size."""
        return resized(frames, self.preprocessing).float().div_(255)

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (B, 3, h, w) in [0, 1] to maps (B, C, h', w')."""
        plain = self.preprocessing.mean == (0.0, 0.0, 0.0) and self.preprocessing.std == (1.0, 1.0, 1.0)
        x = pictures if plain else (pictures - cast(Tensor, self.mean)).div_(cast(Tensor, self.std))
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            maps: Tensor = self.backbone(x)
        return maps


class ImageEncoder(nn.Module):
    """All cameras. What is shared is the backbone; each camera has a pooling of its own.

    Raises:
        BackboneError: the backbone cannot be built, or does not take the cameras' pictures.
    """

    def __init__(self, cameras: tuple[Field, ...], config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        one = config.shared or config.frozen
        self.backbone_of = {c.name: SHARED if one else c.name for c in cameras}
        self.extractors = nn.ModuleDict({k: MapExtractor(config) for k in dict.fromkeys(self.backbone_of.values())})
        self.poolings = nn.ModuleDict()
        for camera in cameras:
            channels, height, width = self.map_shape(camera)
            if config.pooling == "spatial_softmax" and min(height, width) < 2:
                raise BackboneError(
                    f"'{camera.name}': maps of {height} x {width} tell no position: choose a smaller stride, a larger "
                    "image_size, or pooling: mean"
                )
            self.poolings[camera.name] = pooling(config, channels)
        self.size = sum(int(cast(Any, p).size) for p in self.poolings.values())

    def extractor(self, camera: str) -> MapExtractor:
        """The one that sees this camera's pictures."""
        return cast(MapExtractor, self.extractors[self.backbone_of[camera]])

    def map_shape(self, camera: Field) -> tuple[int, int, int]:
        """(C, h, w) of a camera's maps. Raises BackboneError where the backbone does not take such pictures."""
        extractor = self.extractor(camera.name)
        height, width = crop_size(camera.shape[0], camera.shape[1], self.config.crop)
        size = extractor.preprocessing.size
        return output_shape(extractor.backbone, size or height, size or width)

    def load_pretrained(self) -> None:
        """Take the weights that the backbones come with. Raises BackboneError."""
        if self.config.pretrained:
            for extractor in self.extractors.values():
                cast(MapExtractor, extractor).backbone.load_pretrained(self.config)

    def forward(self, observation: Mapping[str, Tensor], generator: Generator | None = None) -> list[Tensor]:
        """For each camera (B, T, size); of frames (B, T, H, W, 3) uint8, or of maps (B, T, C, h, w) computed before."""
        out = []
        for name, pool in self.poolings.items():
            frames = observation[name]
            maps = self._maps(name, frames, generator) if frames.dtype == torch.uint8 else self._known(frames)
            out.append(pool(maps).unflatten(0, frames.shape[:2]))
        return out

    def _maps(self, name: str, frames: Tensor, generator: Generator | None) -> Tensor:
        """(B T, C, h, w), with augmentation in training."""
        share, strength = self.config.crop, self.config.color
        if share < 1:
            frames = random_crop(frames, share, generator) if self.training else center_crop(frames, share)
        extractor = self.extractor(name)
        pictures = extractor.pictures(frames.flatten(0, 1))
        if strength and self.training:
            history = pictures.unflatten(0, frames.shape[:2])
            pictures = color_jitter(history, strength, generator).flatten(0, 1)
        maps: Tensor = extractor(pictures)
        return maps

    def _known(self, maps: Tensor) -> Tensor:
        if not self.config.caches_features:
            raise BackboneError(f"a picture of {maps.dtype}: pictures are uint8; only frozen backbones take features")
        return maps.flatten(0, 1).float()
