"""A transformer that predicts the codes of each scale from those of the coarser scales (next-scale prediction)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robot_rl.policies.networks.layers import mlp, preserve_variance
from robot_rl.policies.networks.transformer import ModulatedBlock


def block_causal(scales: tuple[int, ...]) -> Tensor:
    """Which tokens (columns) each token (row) may look at, (T, T) bool: those of its own scale and of coarser ones."""
    scale = torch.repeat_interleave(torch.arange(len(scales)), torch.tensor(scales))
    return scale[:, None] >= scale[None, :]


class NextScale(nn.Module):
    """Tokens of all scales, the coarsest first, to logits of their codes; all tokens of a scale at once.

    The token of a scale that it reads is what coarser scales have explained there, not the code that it is to
    predict, so tokens of one scale may look at one another. The context modulates every layer.
    """

    def __init__(
        self,
        scales: tuple[int, ...],
        codes: int,
        size: int,
        context_size: int,
        width: int,
        depth: int,
        heads: int,
        condition: int,
    ) -> None:
        super().__init__()
        self.condition = nn.Sequential(preserve_variance(mlp(context_size, condition, condition)), nn.SiLU())
        self.input = nn.Linear(size, width)
        self.position = nn.Parameter(0.5 * torch.randn(sum(scales), width))
        self.blocks = nn.ModuleList(ModulatedBlock(width, heads, condition) for _ in range(depth))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(condition, 2 * width)
        self.output = nn.Linear(width, codes)
        self.register_buffer("allowed", block_causal(scales), persistent=False)
        self.allowed: Tensor

    def forward(self, explained: Tensor, context: Tensor) -> Tensor:
        """What coarser scales explain (B, T, D), T the tokens of the first scales or of all, and context (B, C) to
        logits (B, T, codes)."""
        count = explained.shape[1]
        condition = self.condition(context)
        h = self.input(explained) + self.position[:count]
        for block in self.blocks:
            h = block(h, condition, self.allowed[:count, :count])
        gamma, beta = self.modulation(condition)[:, None].chunk(2, dim=-1)
        out: Tensor = self.output(torch.addcmul(beta, self.norm(h), 1 + gamma))
        return out
