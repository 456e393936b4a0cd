"""What a policy may learn beside its actions, from what was observed along the chunk. None of it runs at prediction.

Predicted future latents (after ACT-JEPA, Vujinovic and Kovacevic 2025; I-JEPA, Assran et al. 2023): from the context
alone a network predicts what a slowly moving average of the encoder (the target encoder) makes of later observations.
No gradient reaches the target, so predicting it cannot be made easy by moving it; what could still happen is that all
latents become alike (collapse), which is watched for.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from robot_rl.policies.encoders import ObservationEncoder
from robot_rl.policies.networks.layers import mlp

log = logging.getLogger(__name__)
COLLAPSED = 0.05
"""Latents of a batch whose mean deviation is smaller, where 1 is that of the numbers within one, have collapsed."""


@dataclass(frozen=True)
class AuxiliaryConfig:
    """What is learned beside actions; everything is off at weight 0."""

    latents: float = 0.0
    """Weight of predicting future latents."""
    ahead: int = 4
    """How many later observations are predicted, evenly spaced over the chunk."""
    momentum: float = 0.99
    """Share of itself that the target encoder keeps in every optimiser step."""

    def __post_init__(self) -> None:
        if self.latents < 0:
            raise ValueError(f"auxiliary: latents is {self.latents}; it must not be negative")
        if self.ahead < 1:
            raise ValueError(f"auxiliary: ahead is {self.ahead}; it must be at least 1")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"auxiliary: momentum is {self.momentum}; it must lie in [0, 1)")


def later_rows(horizon: int, ahead: int) -> list[int]:
    """Rows of a chunk whose observations are predicted: evenly spaced, the last one always, row 0 never."""
    return sorted({max(round((horizon - 1) * (i + 1) / ahead), min(1, horizon - 1)) for i in range(ahead)})


def spread(latents: Tensor) -> Tensor:
    """Mean deviation over a batch (B, ..., Z) of latents that are normalised each for itself: about 1 when they differ
    altogether, 0 when all are the same."""
    return latents.flatten(0, -2).std(0, correction=0).mean()


class TargetEncoder(nn.Module):
    """A moving average of an encoder, which turns later observations into latents of zero mean and unit deviation."""

    def __init__(self, encoder: ObservationEncoder, names: tuple[str, ...], n_obs: int, momentum: float) -> None:
        super().__init__()
        self.names = names
        self.average = copy.deepcopy(encoder).requires_grad_(False).eval()
        self.n_obs, self.momentum = n_obs, momentum
        self._warned = False

    @torch.no_grad()
    def follow(self, encoder: ObservationEncoder, all_the_way: bool = False) -> None:
        """Move towards the encoder, once in every optimiser step."""
        momentum = 0.0 if all_the_way else self.momentum
        for mine, theirs in zip(self.average.parameters(), encoder.parameters(), strict=True):
            mine.lerp_(theirs, 1 - momentum)
        for own, other in zip(self.average.buffers(), encoder.buffers(), strict=True):
            own.copy_(other)

    @torch.no_grad()
    def later(self, batch: Mapping[str, Tensor], rows: list[int]) -> Tensor:
        """Latents (B, len(rows), Z) of the histories that end at these rows of the chunk.

        Args:
            batch: each input (B, n_obs, ...) and, as "future.<name>", along the chunk (B, horizon, ...), row 0 being
                the newest of the history.
        """
        track = {n: torch.cat([batch[n], batch[f"future.{n}"][:, 1:]], dim=1) for n in self.names}
        out = [self.encode({n: v[:, k : k + self.n_obs] for n, v in track.items()}) for k in rows]
        return torch.stack(out, dim=1)

    @torch.no_grad()
    def encode(self, observation: Mapping[str, Tensor]) -> Tensor:
        """The latent (B, Z) of histories (B, n_obs, ...)."""
        self.average.eval()  # no augmentation in what is to be predicted
        latent: Tensor = self.average(observation)
        return nn.functional.layer_norm(latent, latent.shape[-1:])

    def watch(self, latents: Tensor) -> None:
        """Say so, once, when the latents of a batch have collapsed."""
        if not self._warned and len(latents) > 1 and (deviation := float(spread(latents))) < COLLAPSED:
            self._warned = True
            log.warning(
                "latents of later observations have collapsed: their deviation over a batch is %.3f, below %.2f; lower "
                "the weight of auxiliary.latents, or raise auxiliary.momentum",
                deviation,
                COLLAPSED,
            )


class Later(nn.Module):
    """What is learned from later observations: the predictor of their latents, and the latents for a joint head.

    Args:
        joint: the head needs the latent of the observation at the chunk's end.
    """

    def __init__(
        self, target: TargetEncoder, horizon: int, context_size: int, config: AuxiliaryConfig, joint: bool
    ) -> None:
        super().__init__()
        self.target, self.joint, self.weight = target, joint, config.latents
        self.rows = later_rows(horizon, config.ahead if self.weight else 1)
        size = target.average.width
        self.predictor = mlp(context_size, 2 * size, len(self.rows) * size) if self.weight else None

    def latents(self, batch: Mapping[str, Tensor]) -> Tensor:
        """What the target encoder makes of the observations at `rows`, (B, len(rows), Z); the last is at the end."""
        out = self.target.later(batch, self.rows)
        self.target.watch(out)
        return out

    def loss(self, context: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
        """Mean squared error of the predicted latents over the rows that are real. The gradient reaches predictor and
        context alone.

        Args:
            context: (B, C), all that the prediction is made from.
            wanted: (B, len(rows), Z) from `latents`.
            mask: (B, horizon) bool.
        """
        if self.predictor is None:
            raise ValueError("no latents are predicted: auxiliary.latents is 0")
        predicted = self.predictor(context).unflatten(1, wanted.shape[1:])
        weight = mask[:, self.rows].float()
        error: Tensor = ((predicted - wanted).square().mean(-1) * weight).sum() / weight.sum().clamp_min(1)
        return error
