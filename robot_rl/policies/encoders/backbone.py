"""What turns a picture into a map of features, whoever made it."""

from __future__ import annotations

import dataclasses
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from robot_rl.policies.encoders.config import BACKBONES, EncoderConfig


class BackboneError(ValueError):
    """A backbone cannot be built, or its weights cannot be had; the message says which and what to do."""


@dataclass(frozen=True)
class Preprocessing:
    """What the weights were trained to see: (pixel / 255 - mean) / std, in pictures of `size` pixels a side."""

    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    size: int = 0
    """0: pictures are taken as they are."""
    interpolation: str = "bilinear"
    """`bilinear`, `bicubic` or `nearest`."""

    @classmethod
    def of(cls, description: Mapping[str, Any], image_size: int) -> Preprocessing:
        """As a model describes it (`mean`, `std`, `size`, `interpolation`), for another size if one is asked for."""
        return cls(
            mean=tuple(description["mean"]),
            std=tuple(description["std"]),
            size=image_size or int(description["size"]),
            interpolation=description["interpolation"],
        )


class Backbone(nn.Module):
    """Base of backbones. `forward` takes preprocessed pictures (B, 3, H, W) and gives maps (B, channels, h, w)."""

    channels: int
    preprocessing: Preprocessing = Preprocessing()

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()

    @classmethod
    def describe(cls, config: EncoderConfig) -> dict[str, Any]:
        """What must be known to build it again without its source, JSON-ready. Raises BackboneError."""
        return {}

    def load_pretrained(self, config: EncoderConfig) -> None:
        """Take the weights that the model comes with; networks that come with none stay as they are.

        Raises:
            BackboneError: the weights cannot be had or do not fit.
        """

    def train(self, mode: bool = True) -> Backbone:
        """As any module, except that batch statistics stay the pretrained ones: they and averaged weights (EMA) do
        not go together, and a frozen network must not change."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self


def described(config: EncoderConfig) -> EncoderConfig:
    """The configuration with its backbone's description filled in, as JSON gives it back. Raises BackboneError."""
    if config.description:
        return config
    return dataclasses.replace(config, description=json.loads(json.dumps(_class(config).describe(config))))


def build(config: EncoderConfig) -> Backbone:
    """The backbone that a described configuration names, with fresh weights, to be trained. Raises BackboneError."""
    made: Backbone = _class(config)(config)
    return made.train()


def output_shape(backbone: Backbone, height: int, width: int) -> tuple[int, int, int]:
    """Shape (C, h, w) of the maps of pictures of this size after preprocessing. Raises BackboneError."""
    size = backbone.preprocessing.size
    with torch.no_grad():
        try:
            maps: Tensor = backbone(torch.zeros(1, 3, size or height, size or width))
        except (RuntimeError, ValueError, AssertionError) as error:
            raise BackboneError(
                f"{type(backbone).__name__} does not take pictures of {size or height} x {size or width}: {error}"
            ) from error
    return int(maps.shape[1]), int(maps.shape[2]), int(maps.shape[3])


def _class(config: EncoderConfig) -> type[Backbone]:
    module, _, name = BACKBONES[config.kind].partition(":")
    found: type[Backbone] = getattr(importlib.import_module(module), name)
    return found
