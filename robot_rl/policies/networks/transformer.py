"""Denoiser: a transformer over the chunk, one token an action, modulated as in DiT (Peebles & Xie 2023, adaLN-Zero)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robot_rl.policies.networks.layers import Conditioned, through


class SelfAttention(nn.Module):
    """Multi-head attention of tokens (B, T, width) among themselves."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"transformer: width {width} does not divide into {heads} attention heads")
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor, allowed: Tensor | None = None) -> Tensor:
        """`allowed` (T, T) bool says which tokens (columns) each token (row) looks at; by default all."""
        q, k, v = self.project(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        out: Tensor = self.output(seen.transpose(1, 2).flatten(2))
        return out


class ModulatedBlock(nn.Module):
    """Attention and a feed-forward part, each scaled, shifted and gated by the condition; starts as the identity."""

    def __init__(self, width: int, heads: int, condition: int) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(condition, 6 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x: Tensor, condition: Tensor, allowed: Tensor | None = None) -> Tensor:
        m = self.modulation(condition)[:, None].chunk(6, dim=-1)
        x = x + m[2] * self.attention(torch.addcmul(m[1], self.norm(x), 1 + m[0]), allowed)
        return x + m[5] * self.feed_forward(torch.addcmul(m[4], self.norm(x), 1 + m[3]))


class Transformer(Conditioned):
    """Tokens attend to one another in both directions; positions are learnt."""

    def __init__(
        self,
        width: int,
        depth: int,
        heads: int,
        condition: int,
        action_size: int,
        horizon: int,
        context_size: int,
        times: int = 1,
        frequency: float = 256.0,
    ) -> None:
        super().__init__(condition, context_size, times, frequency)
        self.input = nn.Linear(action_size, width)
        self.position = nn.Parameter(0.5 * torch.randn(horizon, width))
        self.blocks = nn.ModuleList(ModulatedBlock(width, heads, condition) for _ in range(depth))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(condition, 2 * width)
        self.output = nn.Linear(width, action_size)

    def with_features(self, x: Tensor, t: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Also the tokens half way, (B, H width)."""
        condition = self.modulation_vector(t, context)
        h, features = through(self.blocks, self.input(x) + self.position, condition)
        gamma, beta = self.modulation(condition)[:, None].chunk(2, dim=-1)
        return self.output(torch.addcmul(beta, self.norm(h), 1 + gamma)), features.flatten(1)
