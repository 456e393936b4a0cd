"""Denoiser: a U-Net of convolutions along the chunk's time (Chi et al. 2023, "Diffusion Policy", section V-A).

Residual blocks with GroupNorm (8 groups) and FiLM; stride-2 convolutions down, transposed ones up, and the
features of each level carried over to the way up. BatchNorm would not go with averaged weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from robot_rl.policies.networks.layers import Conditioned
from robot_rl.policies.networks.time_convolution import TimeConvolution

GROUPS = 8


class ResidualBlock(nn.Module):
    """Two convolutions; the first one's normalised output is scaled and shifted by the condition."""

    def __init__(self, n_in: int, n_out: int, kernel: int, condition: int) -> None:
        super().__init__()
        self.first = TimeConvolution(n_in, n_out, kernel)
        self.first_norm = nn.GroupNorm(GROUPS, n_out)
        self.film = nn.Linear(condition, 2 * n_out)
        self.second = TimeConvolution(n_out, n_out, kernel)
        self.second_norm = nn.GroupNorm(GROUPS, n_out)
        self.skip = TimeConvolution(n_in, n_out, 1) if n_in != n_out else nn.Identity()

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """x (B, n_in, L), condition (B, C) to (B, n_out, L)."""
        gamma, beta = self.film(condition)[..., None].chunk(2, dim=1)
        h = nn.functional.silu(torch.addcmul(beta, self.first_norm(self.first(x)), 1 + gamma))
        out: Tensor = nn.functional.silu(self.second_norm(self.second(h))) + self.skip(x)
        return out


class Unet(Conditioned):
    """The chunk's actions are channels; the horizon is the axis of convolution.

    Raises:
        ValueError: the horizon cannot be halved at each level, the kernel is even, or a level's channels do not
            divide into groups.
    """

    def __init__(
        self,
        dims: Sequence[int],
        kernel: int,
        condition: int,
        action_size: int,
        horizon: int,
        context_size: int,
        times: int = 1,
        frequency: float = 256.0,
    ) -> None:
        super().__init__(condition, context_size, times, frequency)
        check(dims, kernel, horizon)

        def pair(n_in: int, n_out: int) -> nn.ModuleList:
            return nn.ModuleList(
                [ResidualBlock(n_in, n_out, kernel, condition), ResidualBlock(n_out, n_out, kernel, condition)]
            )

        levels = list(pairwise([action_size, *dims]))
        self.down = nn.ModuleList(pair(a, b) for a, b in levels)
        self.shrink = nn.ModuleList(nn.Conv1d(d, d, 3, stride=2, padding=1) for d in dims[:-1])
        self.middle = pair(dims[-1], dims[-1])
        up = [(b, a) for a, b in reversed(levels[1:])]
        self.up = nn.ModuleList(pair(2 * a, b) for a, b in up)
        self.grow = nn.ModuleList(nn.ConvTranspose1d(b, b, 4, stride=2, padding=1) for _, b in up)
        self.last = TimeConvolution(dims[0], dims[0], kernel)
        self.last_norm = nn.GroupNorm(GROUPS, dims[0])
        self.output = nn.Conv1d(dims[0], action_size, 1)

    def with_features(self, x: Tensor, t: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Also what the lowest level holds, (B, dims[-1] H / 2^(levels - 1))."""
        condition = self.modulation_vector(t, context)
        h = x.transpose(1, 2)
        carried = []
        for i, (first, second) in enumerate(self.down):  # type: ignore[misc]
            h = second(first(h, condition), condition)
            carried.append(h)
            if i < len(self.shrink):
                h = self.shrink[i](h)
        for block in self.middle:
            h = block(h, condition)
        features = h.flatten(1)
        for (first, second), grow in zip(self.up, self.grow, strict=True):  # type: ignore[misc]
            h = second(first(torch.cat([h, carried.pop()], dim=1), condition), condition)
            h = grow(h)
        h = nn.functional.silu(self.last_norm(self.last(h)))
        return self.output(h).transpose(1, 2), features


def check(dims: Sequence[int], kernel: int, horizon: int) -> None:
    """Raise ValueError where a U-Net of these channels does not fit the horizon."""
    if not dims or any(d < 1 or d % GROUPS for d in dims):
        raise ValueError(f"U-Net: dims are {tuple(dims)}; each must be a multiple of {GROUPS}")
    if kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"U-Net: kernel is {kernel}; it must be odd")
    factor = 2 ** (len(dims) - 1)
    if horizon % factor:
        raise ValueError(
            f"U-Net: {len(dims)} levels need a horizon that is a multiple of {factor}; it is {horizon}. "
            f"Take {horizon + -horizon % factor}, or fewer dims"
        )
