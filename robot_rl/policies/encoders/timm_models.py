"""Any image model of timm as a backbone, with the preprocessing that its weights were trained with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from robot_rl import extras
from robot_rl.policies.encoders.backbone import Backbone, BackboneError, Preprocessing
from robot_rl.policies.encoders.config import EncoderConfig
from robot_rl.policies.encoders.torchvision_operators import make_importable


def library() -> Any:
    """The timm module. Raises MissingExtraError."""
    extras.require("vision")
    make_importable()
    import timm

    return timm


class TimmBackbone(Backbone):
    """`timm:<name>` or `timm:local-dir:<folder with config.json and weights>`: its maps of one stride.

    Of a model's evaluation recipe the mean, deviation, size and interpolation are used, and not its central crop: what
    a robot has to see may lie at the border.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config)
        description = config.description
        self.preprocessing = Preprocessing.of(description, config.image_size)
        self.options: dict[str, Any] = dict(description["options"])
        if description["fixed_size"] and config.image_size:
            self.options["img_size"] = config.image_size
        architecture = description["architecture"]
        every = _create(architecture, False, features_only=True, **self.options).feature_info
        index = _index_of(architecture, every.reduction(), config.stride)
        self.options |= {"features_only": True, "out_indices": (every.out_indices[index],)}
        self.model = _create(architecture, False, **self.options)
        self.channels = self.model.feature_info.channels()[-1]

    @classmethod
    def describe(cls, config: EncoderConfig) -> dict[str, Any]:
        model = _create(config.model, False, num_classes=0)
        settings = model.pretrained_cfg
        seen = library().data.resolve_model_data_config(model)
        return {
            "architecture": settings["architecture"],
            "options": _local_options(config.model),
            "mean": list(seen["mean"]),
            "std": list(seen["std"]),
            "size": seen["input_size"][-1],
            "interpolation": seen["interpolation"],
            "fixed_size": bool(settings.get("fixed_input_size")),
        }

    def load_pretrained(self, config: EncoderConfig) -> None:
        weights = _create(config.model, True, **self.options).state_dict()
        try:
            self.model.load_state_dict(weights)
        except RuntimeError as error:
            raise BackboneError(f"timm model '{config.model}': the weights are of another network: {error}") from error

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.model(x)[-1]
        return maps


def _create(name: str, pretrained: bool, **options: Any) -> Any:
    """timm's own maker, with its errors as BackboneError."""
    try:
        return library().create_model(name, pretrained=pretrained, **options)
    except (RuntimeError, ValueError, OSError, TypeError, KeyError, AttributeError) as error:
        what = "the weights of timm model" if pretrained else "timm model"
        raise BackboneError(
            f"{what} '{name}' cannot be had: {error}. Without a network, name a local folder, "
            "timm:local-dir:<folder with config.json and model.safetensors>, or download it once where there is one"
        ) from error


def _local_options(name: str) -> dict[str, Any]:
    """Arguments of the architecture that a local folder's config.json gives beside its name."""
    scheme, _, folder = name.partition(":")
    if scheme != "local-dir":
        return {}
    settings: dict[str, Any] = json.loads((Path(folder) / "config.json").read_text())
    return dict(settings.get("model_args", {}))


def _index_of(name: str, strides: list[int], wanted: int) -> int:
    """Which of a model's maps has the stride `wanted`; the last of them for 0."""
    if not wanted:
        return len(strides) - 1
    if wanted not in strides:
        raise BackboneError(f"timm model '{name}' has no maps at stride {wanted}; it has {sorted(set(strides))}")
    return len(strides) - 1 - strides[::-1].index(wanted)
