"""Observation history to one context vector: vectors through an MLP, images through a small CNN.

A pose enters as position and the first two columns of its rotation matrix (Zhou et al. 2019), which is
continuous and the same for q and -q.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from robot_rl.policies.networks.layers import mlp
from robot_rl.policies.normalization import Normalization, Normalizer, Statistics
from robot_rl.spec import Field, Layout

OBSERVATION_LIMIT = 5.0
"""Normalised observations are clipped to this magnitude: a reading far outside the data saturates."""
GROUPS = 8
"""Of each group normalisation."""


@dataclass(frozen=True)
class EncoderConfig:
    """How observations become a context vector."""

    width: int = 128
    """Size of the context, and of the hidden layer before it."""
    normalization: Normalization = "range"
    """Scaling of vector observations."""
    channels: tuple[int, ...] = (32, 64, 64)
    """Of the stride-2 convolutions an image passes through."""
    temporal: Literal["flatten", "lstm"] = "flatten"
    """How the history becomes one vector: all steps side by side, or one after the other through an LSTM."""
    keypoints: int = 32
    """Points the spatial softmax finds in each image."""

    def __post_init__(self) -> None:
        if self.width < 1 or self.keypoints < 1:
            raise ValueError(f"encoder: width is {self.width} and keypoints {self.keypoints}; both must be at least 1")
        if not self.channels or any(c < 1 or c % GROUPS for c in self.channels):
            raise ValueError(f"encoder: channels are {self.channels}; each must be a multiple of {GROUPS}")


def rotation_columns(q: Tensor) -> Tensor:
    """Quaternions x y z w (..., 4) to the first two columns of the rotation matrix (..., 6).

    The quaternion need not be of unit length; q and -q give the same six numbers.
    """
    x, y, z, w = (q / q.norm(dim=-1, keepdim=True).clamp_min(1e-8)).unbind(-1)
    first = [1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w)]
    second = [2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w)]
    return torch.stack(first + second, dim=-1)


class VectorFeatures(nn.Module):
    """One vector field (..., n) in physical units to normalised features (..., size)."""

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.is_pose = field.kind == "pose"
        self.size = 9 if self.is_pose else field.size
        self.normalizer = Normalizer(3 if self.is_pose else field.size)

    def fit(self, statistics: Statistics, mode: Normalization) -> None:
        """Take the scaling from the field's statistics; rotations need none."""
        if self.is_pose:
            statistics = Statistics(
                *(s[:3] for s in (statistics.minimum, statistics.maximum, statistics.mean, statistics.std))
            )
        self.normalizer.fit(statistics, mode)

    def forward(self, x: Tensor) -> Tensor:
        if self.is_pose:
            return torch.cat([self._scaled(x[..., :3]), rotation_columns(x[..., 3:])], dim=-1)
        return self._scaled(x)

    def _scaled(self, x: Tensor) -> Tensor:
        y: Tensor = self.normalizer(x)
        return y.clamp(-OBSERVATION_LIMIT, OBSERVATION_LIMIT)


def spatial_softmax(features: Tensor) -> Tensor:
    """Expected image position of each feature map, (B, K, H, W) to (B, 2 K): all x, then all y, in [-1, 1].

    Finn et al. 2016, "Deep Spatial Autoencoders for Visuomotor Learning".
    """
    height, width = features.shape[-2:]
    weight = features.flatten(2).softmax(-1).unflatten(-1, (height, width))
    ys = torch.linspace(-1, 1, height, device=features.device)
    xs = torch.linspace(-1, 1, width, device=features.device)
    return torch.cat([(weight.sum(2) * xs).sum(-1), (weight.sum(3) * ys).sum(-1)], dim=-1)


class ImageEncoder(nn.Module):
    """uint8 images (B, H, W, 3) to keypoints (B, 2 K). GroupNorm throughout: BatchNorm and EMA do not go together."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        n_in = 3
        for n_out in config.channels:
            layers += [nn.Conv2d(n_in, n_out, 3, stride=2, padding=1), nn.GroupNorm(GROUPS, n_out), nn.SiLU()]
            n_in = n_out
        self.convolutions = nn.Sequential(*layers, nn.Conv2d(n_in, config.keypoints, 1))
        self.size = 2 * config.keypoints

    def forward(self, images: Tensor) -> Tensor:
        x = images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
        return spatial_softmax(self.convolutions(x))


class ObservationEncoder(nn.Module):
    """Named histories (B, n_obs, ...) in physical units to a context (B, width)."""

    def __init__(self, inputs: Layout, n_obs: int, config: EncoderConfig) -> None:
        super().__init__()
        self.width = config.width
        self.normalization = config.normalization
        self.vectors = nn.ModuleDict({f.name: VectorFeatures(f) for f in inputs.vectors})
        self.images = nn.ModuleDict({f.name: ImageEncoder(config) for f in inputs.images})
        per_step = sum(int(m.size) for m in (*self.vectors.values(), *self.images.values()))  # type: ignore[arg-type]
        if per_step == 0:
            raise ValueError("a policy needs at least one observation field")
        self.rnn = nn.LSTM(per_step, config.width, batch_first=True) if config.temporal == "lstm" else None
        self.network = mlp(config.width if self.rnn else n_obs * per_step, config.width, config.width)

    def fit(self, statistics: Mapping[str, Statistics]) -> None:
        """Take the scaling of each vector field from its statistics."""
        for name, features in self.vectors.items():
            features.fit(statistics[name], self.normalization)  # type: ignore[operator]

    def forward(self, observation: Mapping[str, Tensor]) -> Tensor:
        parts = [features(observation[name]) for name, features in self.vectors.items()]
        for name, encoder in self.images.items():
            frames = observation[name]
            parts.append(encoder(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]))
        steps = torch.cat(parts, dim=-1)
        out: Tensor = self.network(steps.flatten(1) if self.rnn is None else self.rnn(steps)[0][:, -1])
        return out
