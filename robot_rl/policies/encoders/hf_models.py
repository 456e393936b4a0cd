"""Any vision model of Hugging Face transformers as a backbone, with its processor's preprocessing."""

from __future__ import annotations

import inspect
from typing import Any

from torch import Tensor

from robot_rl import extras
from robot_rl.policies.encoders.backbone import Backbone, BackboneError, Preprocessing, output_shape
from robot_rl.policies.encoders.config import EncoderConfig
from robot_rl.policies.encoders.torchvision_operators import make_importable

INTERPOLATION = {0: "nearest", 2: "bilinear", 3: "bicubic"}
"""By the number that Pillow and the processors' files use."""


def library() -> Any:
    """The transformers module. Raises MissingExtraError."""
    extras.require("vision")
    make_importable()
    import transformers

    return transformers


class HfBackbone(Backbone):
    """`hf:<name on the hub>` or `hf:<folder>`: the last hidden state as a map, without class and register tokens.

    Of a model for pictures and text the part that sees is taken. The processor's mean, deviation, size and
    interpolation are used, and not its central crop: what a robot has to see may lie at the border.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config)
        transformers = library()
        description = config.description
        self.preprocessing = Preprocessing.of(description, config.image_size)
        values = dict(description["config"])
        settings = transformers.AutoConfig.for_model(values.pop("model_type"), **values)
        self.model = transformers.AutoModel.from_config(settings).float()  # kept in halves it would train in halves
        self.patch = getattr(settings, "patch_size", None)
        takes = inspect.signature(self.model.forward).parameters
        self.options = {"interpolate_pos_encoding": True} if "interpolate_pos_encoding" in takes else {}
        self.eval()
        self.channels = output_shape(self, self.preprocessing.size, self.preprocessing.size)[0]

    @classmethod
    def describe(cls, config: EncoderConfig) -> dict[str, Any]:
        transformers = library()
        try:
            settings = transformers.AutoConfig.from_pretrained(config.model)
            processor = transformers.AutoImageProcessor.from_pretrained(config.model).to_dict()
        except (OSError, ValueError) as error:
            raise _not_had(config.model, error) from error
        settings = getattr(settings, "vision_config", settings)
        return {
            "config": settings.to_dict(),
            "mean": list(processor["image_mean"]),
            "std": list(processor["image_std"]),
            "size": _side(processor),
            "interpolation": INTERPOLATION.get(int(processor.get("resample", 2)), "bilinear"),
        }

    def load_pretrained(self, config: EncoderConfig) -> None:
        try:
            source = type(self.model).from_pretrained(config.model)
        except (OSError, ValueError) as error:
            raise _not_had(config.model, error) from error
        self.model.load_state_dict(source.state_dict())

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.model(pixel_values=x, **self.options).last_hidden_state
        return hidden if hidden.ndim == 4 else self._map(hidden, x)

    def _map(self, tokens: Tensor, pictures: Tensor) -> Tensor:
        """Tokens (B, N, C), those of patches last and row by row, to maps (B, C, h, w)."""
        if not isinstance(self.patch, int):
            raise BackboneError(f"{type(self.model).__name__} gives tokens, but does not say how large a patch is")
        height, width = (s // self.patch for s in pictures.shape[-2:])
        if tokens.shape[1] < height * width:
            raise BackboneError(f"{type(self.model).__name__} gives {tokens.shape[1]} tokens, not {height} x {width}")
        return tokens[:, -height * width :].transpose(1, 2).unflatten(-1, (height, width))


def _side(processor: dict[str, Any]) -> int:
    """Side of the square that a processor gives the model."""
    size = dict(processor.get("crop_size") or processor["size"])
    return int(size.get("height") or size["shortest_edge"])


def _not_had(name: str, error: Exception) -> BackboneError:
    reason = " ".join(str(error).split())
    return BackboneError(
        f"model '{name}' cannot be had: {reason}. Without a network, name a local folder with config.json, "
        "preprocessor_config.json and model.safetensors: hf:<folder>"
    )
