"""Denoiser: a residual MLP over the flattened chunk, each layer modulated by time and context."""

from __future__ import annotations

from torch import Tensor, nn

from robot_rl.policies.networks.layers import Conditioned, FilmBlock, through


class ResidualMlp(Conditioned):
    """Small and quick; mixes all actions of a chunk in every layer."""

    def __init__(
        self,
        width: int,
        depth: int,
        condition: int,
        action_size: int,
        horizon: int,
        context_size: int,
        times: int = 1,
        frequency: float = 256.0,
    ) -> None:
        super().__init__(condition, context_size, times, frequency)
        self.input = nn.Linear(horizon * action_size, width)
        self.blocks = nn.ModuleList(FilmBlock(width, condition) for _ in range(depth - 1))
        self.output = nn.Linear(width, horizon * action_size)

    def with_features(self, x: Tensor, t: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Also the hidden units (B, width) half way."""
        condition = self.modulation_vector(t, context)
        h, features = through(self.blocks, self.input(x.flatten(1)), condition)
        return self.output(h).view_as(x), features
