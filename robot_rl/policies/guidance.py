"""Guiding a generative head towards actions that are already committed (real-time chunking).

The first `frozen` rows of the new chunk are pinned to the target; the rows after them are drawn to it, the less
the later they are, and rows of weight 0 are free. Black, Galliker and Levine 2025, "Real-Time Execution of Action
Chunking Flow Policies", equations 1 to 5; the guidance itself is pseudo-inverse guidance (Song et al. 2023;
Pokle et al. 2024 for flows).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Generator, Tensor

Field = Callable[[Tensor, Tensor], Tensor]
"""A velocity field: x (B, H, A) and t (B,) to dx/dt (B, H, A)."""


@runtime_checkable
class GuidedHead(Protocol):
    """A head that can draw a chunk towards a target while it samples."""

    def sample_guided(
        self, context: Tensor, guide: Guide, noise: Tensor | None = None, generator: Generator | None = None
    ) -> Any:
        """As `Head.sample`, with the guide applied: a normalised chunk (B, H, A)."""
        ...


@dataclass(frozen=True)
class Guide:
    """What the new chunk should agree with, in the head's normalised space."""

    target: Tensor  # (B, H, A); rows of weight 0 are not looked at
    weights: Tensor  # (H,) in [0, 1]; 1 on frozen rows
    frozen: int
    """Rows at the start that are reproduced exactly."""
    strength: float = 5.0
    """Upper limit of the guidance gain (beta of the paper)."""

    def velocity(self, field: Field, noise: Tensor, steps: int) -> Field:
        """The guided velocity field of a flow from noise (t = 0) to a chunk (t = 1).

        The gain is also limited to `steps`, so that one step of size 1 / steps never overshoots its target. Frozen
        rows move from their noise to the target in a straight line, which every integrator follows exactly.

        Args:
            field: the learned velocity.
            noise: (B, H, A) where the integration starts.
            steps: how many steps the integrator takes.
        """
        limit = min(self.strength, float(steps))

        def guided(x: Tensor, t: Tensor) -> Tensor:
            remaining = (1 - t)[:, None, None]
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                v = field(x, t)
                clean = x + remaining * v
            v = v.detach() + flow_gain(t, limit)[:, None, None] * self._pull(clean, x)
            v[:, : self.frozen] = (self.target - noise)[:, : self.frozen]
            return v

        return guided

    def clean(self, denoise: Callable[[Tensor], Tensor], x: Tensor, gain: float) -> Tensor:
        """The guided estimate of the clean chunk (B, H, A), for samplers that predict one at every step (DDPM, DDIM,
        EDM); exact on frozen rows.

        Args:
            denoise: the noisy chunk to the learned estimate of the clean one.
            x: the noisy chunk.
            gain: of the pull. Pseudo-inverse guidance of data of unit variance says 1 + sigma^2 where x is the clean
                chunk plus noise of deviation sigma (EDM), and 1 / sqrt(alpha_bar) for a variance-preserving x (DDPM).
        """
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            clean = denoise(x)
        out = clean.detach() + gain * self._pull(clean, x)
        out[:, : self.frozen] = self.target[:, : self.frozen]
        return out

    def _pull(self, clean: Tensor, x: Tensor) -> Tensor:
        """In which direction x (B, H, A) moves the estimate `clean`, which depends on it, to the target."""
        rows = self.weights[None, :, None]
        error = rows * (torch.where(rows > 0, self.target, clean) - clean.detach())
        (pull,) = torch.autograd.grad(clean, x, error)
        return pull


def flow_gain(t: Tensor, limit: float) -> Tensor:
    """min(limit, (1 - t) / (t r^2)) with r^2 = (1 - t)^2 / (t^2 + (1 - t)^2), for t in [0, 1] (B,)."""
    s = 1 - t
    return ((t.square() + s.square()) / (t * s).clamp_min(1e-6)).clamp_max(limit)
