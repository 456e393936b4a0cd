"""What actors and critics see of an observation: normalised vectors, and pictures through an encoder."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Generator, Tensor, nn

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.improvers.improver import Fields, Observation, Parts
from robot_rl.learn.online.observe import IMAGE, STATE
from robot_rl.learn.online.pixels import MapEmbedding, Pooling, bounded, random_shift
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.vectors import VectorState
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.encoders.backbone import BackboneError, described, output_shape
from robot_rl.policies.encoders.images import MapExtractor

ENCODED = "encoded"
"""The field of features computed before, (B, S): who has them puts them into the observation."""
MAPS = "maps/"
"""How the fields begin of a frozen backbone's maps (C, h, w) float16, computed once, when the row comes in."""
TOGETHER = 32 * 128 * 128
"""Pixels that a processor convolves at a time: what is between layers stays in its cache, a fifth quicker than 256
pictures of 128 x 128 at once. Each picture's maps are its own (BatchNorm is never trained), so nothing else changes."""


@dataclass(frozen=True)
class FeaturesConfig:
    """How observations become features; all but `state_width` is for sessions that look at cameras."""

    state_width: int = 0
    """Of a trained layer on the vector observations; 0 takes them as they are, normalised."""
    backbone: str = "cnn"
    """See `policies.encoders`; `efficientnet_lite0` comes with weights."""
    channels: tuple[int, ...] = (32, 32, 32, 32)
    """Of the `cnn`'s stride-2 convolutions."""
    frozen: bool = False
    """Leave pretrained weights as they are: maps are computed once for each row, and kept instead of its pictures."""
    stride: int = 0
    """Cut a pretrained backbone where its maps are this many times smaller than the picture; 0 takes all of it."""
    image_size: int = 0
    """Side of the square that pictures are resized to; 0: the pretrained model's own, else as they come."""
    pooling: Pooling = "spatial_embedding"
    """From maps to a vector: SERL's learnt embeddings, or the expected positions of keypoints."""
    count: int = 8
    """Embeddings of each map, or keypoints."""
    width: int = 128
    """Features of each camera."""
    shift: int = 4
    """Largest random shift of pictures in training [pixels]; a frozen backbone's maps are not shifted."""
    bfloat16: bool = False
    """Convolve in half precision: quicker where the processor has it, with coarser gradients."""

    def __post_init__(self) -> None:
        if self.state_width < 0 or self.shift < 0 or self.width < 1 or self.count < 1:
            raise TrainingError(
                f"features: state_width is {self.state_width}, shift {self.shift}, width {self.width}, count "
                f"{self.count}; the first two must be at least 0, the others at least 1"
            )
        try:
            self.encoder()
        except ValueError as error:
            raise TrainingError(f"features: {error}") from None

    def encoder(self) -> EncoderConfig:
        """What the backbone is built from. Raises ValueError."""
        return EncoderConfig(
            backbone=self.backbone,
            channels=self.channels,
            frozen=self.frozen,
            stride=self.stride,
            image_size=self.image_size,
        )


class Features(nn.Module):
    """Features (B, size) of observations: vectors, and for each camera an embedding of its maps.

    The scale of vectors is fitted once. What is trained is trained by the critics' loss alone (Yarats et al., 2021).

    Args:
        size: of the replay's field STATE.
        cameras: height and width of the pictures by field IMAGE + name.
        poses: where poses begin in STATE, and the frame that each is given in.
    """

    def __init__(
        self,
        size: int,
        cameras: Mapping[str, tuple[int, int]] | None = None,
        config: FeaturesConfig | None = None,
        poses: Mapping[int, str] | None = None,
    ) -> None:
        super().__init__()
        self.config, self.cameras = config or FeaturesConfig(), tuple(cameras or {})
        self.vectors = VectorState(size, poses)
        size = self.vectors.size
        self.state = bounded(size, self.config.state_width) if self.config.state_width and size else None
        self.extractors, self.embeddings = nn.ModuleDict(), nn.ModuleDict()
        self.maps: dict[str, tuple[int, int, int]] = {}
        """Shape (C, h, w) of each camera's maps."""
        for field, (height, width) in (cameras or {}).items():
            self._add_camera(field, height, width)
        self.size = (self.config.state_width or size if size else 0) + self.config.width * len(self.cameras)

    @classmethod
    def of(cls, parts: Parts, config: FeaturesConfig | None = None) -> Features:
        """For the observations that an improver gets."""
        fields = parts.fields
        cameras = {n: (shape[0], shape[1]) for n, (shape, _) in fields.items() if n.startswith(IMAGE)}
        return cls(fields[STATE][0][0], cameras, config, parts.poses)

    def fit(self, replay: Replay) -> None:
        """Take the scale from every transition that the replay holds, for good; nothing changes without any."""
        if len(replay):
            self.vectors.fit(replay.observation[STATE][replay.views["all"].rows])

    def forward(self, observation: Observation) -> Tensor:
        """The features, those in ENCODED if they are there."""
        known = observation.get(ENCODED)
        return self.encode(observation) if known is None else known

    def encode(self, observation: Observation) -> Tensor:
        """The features, computed."""
        vector = self.vectors(observation[STATE])
        parts = [vector if self.state is None else self.state(vector)]
        for field, embedding in zip(self.cameras, self.embeddings.values(), strict=True):
            maps = observation.get(self._maps_field(field))
            parts.append(embedding(self._extract(field, observation[field]) if maps is None else maps.float()))
        return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]

    def shifted(self, observation: Observation, generator: Generator | None) -> dict[str, Tensor]:
        """The observation with each of its pictures at a random place (see `FeaturesConfig.shift`)."""
        pictures = [n for n in self.cameras if not self.config.frozen]
        return {**observation, **{n: random_shift(observation[n], self.config.shift, generator) for n in pictures}}

    @property
    def considered(self) -> Fields:
        """A frozen backbone's maps, as fields of rows."""
        return {self._maps_field(n): (self.maps[n], "float16") for n in self.cameras if self.config.frozen}

    @torch.no_grad()
    def consider(self, observation: Observation) -> dict[str, Tensor]:
        """(B, C, h, w) of each of `considered`."""
        frozen = [n for n in self.cameras if self.config.frozen]
        return {self._maps_field(n): self._extract(n, observation[n]).half() for n in frozen}

    @property
    def spared(self) -> tuple[str, ...]:
        """Fields of rows that nothing is learnt from: the pictures whose maps are kept."""
        return self.cameras if self.config.frozen else ()

    def trained(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Names and parameters that the critics' loss trains."""
        return ((n, p) for n, p in self.named_parameters() if p.requires_grad)

    def lagged(self) -> Features:
        """A copy for targets; a frozen backbone is left out, for rows hold its maps."""
        out = copy.deepcopy(self).requires_grad_(False)
        if self.config.frozen:
            out.extractors = nn.ModuleDict()
        return out

    def _add_camera(self, field: str, height: int, width: int) -> None:
        c, name = self.config, _module_name(field)
        shared = next(iter(self.extractors.values()), None) if c.frozen else None
        try:
            extractor = cast(MapExtractor, shared) if shared is not None else _extractor(c)
            side = extractor.preprocessing.size
            self.maps[field] = output_shape(extractor.backbone, side or height, side or width)
        except BackboneError as error:
            raise TrainingError(f"features of '{field}': {error}") from error
        self.extractors[name] = extractor
        self.embeddings[name] = MapEmbedding(self.maps[field], c.pooling, c.count, c.width)

    def _extract(self, field: str, frames: Tensor) -> Tensor:
        extractor = cast(MapExtractor, self.extractors[_module_name(field)])
        with torch.autocast(frames.device.type, torch.bfloat16, enabled=self.config.bfloat16):
            few = max(1, TOGETHER // (frames.shape[1] * frames.shape[2]))
            parts = frames.split(few) if frames.device.type == "cpu" else [frames]
            maps = [extractor(extractor.pictures(part)) for part in parts]
        return torch.cat(maps).float()

    @staticmethod
    def _maps_field(field: str) -> str:
        return MAPS + field.removeprefix(IMAGE)


def _module_name(field: str) -> str:
    return field.removeprefix(IMAGE).replace(".", "_")


def _extractor(config: FeaturesConfig) -> MapExtractor:
    """The backbone with the weights it comes with; pictures come channels last, and it computes so."""
    encoder = described(config.encoder())
    out = MapExtractor(encoder)
    out.backbone.load_pretrained(encoder)
    return out.to(memory_format=torch.channels_last)
