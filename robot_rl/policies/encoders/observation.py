"""Observation history to one context vector: vectors through an MLP, images through a backbone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Generator, Tensor, nn

from robot_rl.policies.encoders.augment import keep_mask
from robot_rl.policies.encoders.backbone import described
from robot_rl.policies.encoders.config import PRETRAINED, EncoderConfig
from robot_rl.policies.encoders.images import ImageEncoder
from robot_rl.policies.encoders.pose_difference import PoseDifference, related
from robot_rl.policies.encoders.vectors import VectorFeatures
from robot_rl.policies.networks.layers import mlp, preserve_variance
from robot_rl.policies.normalization import Statistics
from robot_rl.spec import Layout


class ObservationEncoder(nn.Module):
    """Named histories (B, n_obs, ...) in physical units to a context (B, width).

    Poses in one frame are also seen from each other (`PoseDifference`).

    Args:
        beside: fields that it does not look at, but from whose poses its own are seen.

    Raises:
        BackboneError: the backbone cannot be built.
        ValueError: there is nothing to look at, or nothing left when vectors are dropped.
    """

    def __init__(self, inputs: Layout, n_obs: int, config: EncoderConfig, beside: Layout | None = None) -> None:
        super().__init__()
        self.config = described(config) if inputs.images else config
        """As given, with the description of its backbone."""
        self.width = config.width
        self.vectors = nn.ModuleDict({f.name: VectorFeatures(f) for f in inputs.vectors})
        vectors = [*inputs.vectors, *(beside.vectors if beside is not None else ())]
        poses = {f.name: f.frame for f in vectors if f.kind == "pose"}
        pairs = related(poses) if config.relative_poses else []
        self.pairs = [(a, b) for a, b in pairs if a in inputs or b in inputs]
        self.differences = nn.ModuleList(PoseDifference() for _ in self.pairs)
        self.images = ImageEncoder(tuple(inputs.images), self.config) if inputs.images else None
        per_step = sum(int(m.size) for m in self.vectors.values())  # type: ignore[arg-type]
        per_step += PoseDifference.size * len(self.pairs)
        per_step += self.images.size if self.images else 0
        if per_step == 0:
            raise ValueError("a policy needs at least one observation field")
        if config.state_dropout and not self.images:
            raise ValueError(
                f"encoder: state_dropout is {config.state_dropout}, but the policy sees no camera and would learn from "
                "nothing; set it to 0"
            )
        self.rnn = nn.LSTM(per_step, config.width, batch_first=True) if config.temporal == "lstm" else None
        inputs_size = config.width if self.rnn else n_obs * per_step
        self.network = preserve_variance(mlp(inputs_size, *[config.width] * config.layers))

    def fit(self, statistics: Mapping[str, Statistics]) -> None:
        """What comes before training: the scaling of each vector field from its statistics, and pretrained weights.

        Raises:
            BackboneError: the weights cannot be had.
        """
        for name, features in self.vectors.items():
            features.fit(statistics[name], self.config.normalization)  # type: ignore[operator]
        for (a, b), difference in zip(self.pairs, self.differences, strict=True):
            ranges = [statistics[n].maximum[:3] - statistics[n].minimum[:3] for n in (a, b)]
            difference.fit(torch.from_numpy(np.maximum(*ranges) / 2))  # type: ignore[operator]
        if self.images is not None:
            self.images.load_pretrained()

    def pretrained(self) -> list[nn.Parameter]:
        """Weights that training begins with and that may change."""
        config = self.config
        if self.images is None or config.frozen or not config.pretrained or config.kind not in PRETRAINED:
            return []
        return [p for extractor in self.images.extractors.values() for p in extractor.parameters()]

    def forward(self, observation: Mapping[str, Tensor], generator: Generator | None = None) -> Tensor:
        """The context; in training augmented by what `generator` draws. A frozen backbone's camera may come as maps."""
        parts = [features(observation[name]) for name, features in self.vectors.items()]
        parts += [d(observation[a], observation[b]) for (a, b), d in zip(self.pairs, self.differences, strict=True)]
        if parts and self.training and self.config.state_dropout:
            keep = keep_mask(len(parts[0]), self.config.state_dropout, parts[0].device, generator)
            parts = [p * keep[:, None, None] for p in parts]
        if self.images is not None:
            parts += self.images(observation, generator)
        steps = torch.cat(parts, dim=-1)
        out: Tensor = self.network(steps.flatten(1) if self.rnn is None else self.rnn(steps)[0][:, -1])
        return out
