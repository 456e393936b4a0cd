"""Residual vector quantisation of a sequence from coarse to fine, with one code book for all scales.

At each scale the part of the sequence that the scales before have not explained is averaged down to that scale's
length, each of its tokens replaced by the nearest code, and the codes spread out again over the sequence (Tian et al.
2024, "Visual Autoregressive Modeling", algorithms 1 and 2, along time instead of over an image).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from robot_rl.policies.chunks import masked_mean
from robot_rl.policies.networks.resampling import down, token_mask, up


@dataclass(frozen=True)
class Quantized:
    """A sequence in codes."""

    codes: tuple[Tensor, ...]
    """One (B, l) of indices for each scale l, the coarsest first."""
    partial: tuple[Tensor, ...]
    """After each scale, the sequence (B, T, D) as far as it is explained; the last one is the whole answer."""
    residuals: tuple[Tensor, ...]
    """What each token was to explain, (B, l, D) for each scale."""


class ResidualQuantizer(nn.Module):
    """Sequences (B, T, D) to code indices at several scales, and back.

    The code book is an ordinary weight, moved by the gradient of `loss` rather than by running averages: all of the
    state is then in the weights and an interrupted training goes on exactly.

    Args:
        scales: tokens at each scale, increasing.
        codes: in the book.
        size: D, of a code.
        length: T.
    """

    def __init__(self, scales: tuple[int, ...], codes: int, size: int, length: int) -> None:
        super().__init__()
        self.scales, self.length = scales, length
        self.book = nn.Parameter(0.1 * torch.randn(codes, size))

    def nearest(self, x: Tensor) -> Tensor:
        """Index of the nearest code of each vector: (B, L, D) to (B, L)."""
        return torch.cdist(x, self.book.expand(len(x), -1, -1)).argmin(-1)

    def encode(self, x: Tensor) -> Quantized:
        """Quantise x (B, T, D). Gradients reach the code book through `partial`, and x through nothing."""
        x = x.detach()
        explained = torch.zeros_like(x)
        codes, partial, residuals = [], [], []
        for scale in self.scales:
            residual = down(x - explained.detach(), scale)
            index = self.nearest(residual)
            explained = explained + self.spread(index)
            codes.append(index)
            partial.append(explained)
            residuals.append(residual)
        return Quantized(tuple(codes), tuple(partial), tuple(residuals))

    def spread(self, codes: Tensor) -> Tensor:
        """What the codes (B, l) of one scale add to the sequence (B, T, D)."""
        return up(self.book[codes], self.length)

    def loss(self, x: Tensor, quantized: Quantized, mask: Tensor, commitment: float) -> Tensor:
        """Mean over the scales k of |sg(x) - q_k|^2 + commitment |x - sg(q_k)|^2, q_k explained up to scale k, over
        valid steps (sg stops the gradient; van den Oord et al. 2017, equation 3); plus the pull of `revival`."""
        total = x.new_zeros(())
        for q in quantized.partial:
            book, commit = (x.detach() - q).square(), (x - q.detach()).square()
            total = total + masked_mean(book + commitment * commit, mask)
        return total / len(self.scales) + self.revival(quantized, mask)

    def revival(self, quantized: Quantized, mask: Tensor) -> Tensor:
        """Mean over the codes that no valid token of the batch uses of their squared distance to the nearest thing to
        be explained, which draws dead codes back to where they will be used (after Zheng and Vedaldi 2023, "Online
        Clustered Codebook"); zero where all are used."""
        valid = torch.cat([token_mask(mask, scale).flatten() for scale in self.scales])
        if not valid.any():
            return 0.0 * self.book.sum()
        used = torch.cat([c.flatten() for c in quantized.codes])[valid]
        things = torch.cat([r.flatten(0, 1) for r in quantized.residuals])[valid]
        dead = torch.bincount(used, minlength=len(self.book)) == 0
        with torch.no_grad():
            closest = things[torch.cdist(self.book, things).argmin(-1)]
        distance = (cast(Tensor, self.book) - closest).square().mean(-1)
        return (distance * dead).sum() / dead.sum().clamp_min(1)
