"""A small vision transformer, trained from nothing.

Its patches are made by a few convolutions, with which small transformers learn sooner and from less data (Xiao et
al. 2021, "Early convolutions help transformers see better"); positions are fixed sines and cosines, so a picture may
have any size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robot_rl.policies.encoders.backbone import Backbone
from robot_rl.policies.encoders.config import GROUPS, EncoderConfig

WIDTH, DEPTH, HEADS = 192, 4, 3
"""ViT-Tiny's width and heads, a third of its depth."""
STEM = (24, 48, 96, 192)
"""Channels of the stride-2 convolutions: one token for 16 x 16 pixels."""


def positions(height: int, width: int, size: int, device: torch.device | None = None) -> Tensor:
    """(height * width, size): for rows and columns alike, sines then cosines of `size / 4` geometric frequencies
    from 1 to 1/10000 [rad a token] (Vaswani et al. 2017, in two dimensions)."""
    frequencies = 10000.0 ** -torch.linspace(0, 1, size // 4, device=device)
    y, x = torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij")
    angles = [axis.reshape(-1, 1) * frequencies for axis in (y, x)]
    return torch.cat([f(a) for a in angles for f in (torch.sin, torch.cos)], dim=1)


class Block(nn.Module):
    """Attention and a feed-forward part, each after a LayerNorm and beside a way past it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.project(self.norm1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        x = x + self.output(nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return x + self.feed_forward(self.norm2(x))


class Vit(Backbone):
    """(B, 3, H, W) to (B, 192, ceil(H / 16), ceil(W / 16))."""

    channels = WIDTH

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config)
        layers: list[nn.Module] = []
        n_in = 3
        for n_out in STEM:
            layers += [nn.Conv2d(n_in, n_out, 3, 2, 1, bias=False), nn.GroupNorm(GROUPS, n_out), nn.ReLU()]
            n_in = n_out
        self.stem = nn.Sequential(*layers, nn.Conv2d(n_in, WIDTH, 1))
        self.blocks = nn.Sequential(*(Block(WIDTH, HEADS) for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.stem(x)
        height, width = patches.shape[-2:]
        tokens = patches.flatten(2).transpose(1, 2) + positions(height, width, WIDTH, x.device)
        out: Tensor = self.norm(self.blocks(tokens)).transpose(1, 2).unflatten(-1, (height, width))
        return out
