"""Layers of an ensemble: E networks side by side, in batched products."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

EPSILON = 1e-5
"""Added to variances by the layer normalisation."""


class EnsembleLinear(nn.Module):
    """E affine maps side by side: (E, B, in), or (B, in) shared by all, to (E, B, out); of `members` (M,) alone if
    given."""

    def __init__(self, ensemble: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(ensemble, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(ensemble, 1, outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor, members: Tensor | None = None) -> Tensor:
        weight, bias = of_members((self.weight, self.bias), members)
        if weight.shape[2] == 1:  # five times as quick as a matrix product with a single column
            return (x * weight.transpose(1, 2)).sum(dim=-1, keepdim=True) + bias
        return torch.baddbmm(bias, x.expand(len(weight), *x.shape[-2:]), weight)


class EnsembleLayerNorm(nn.Module):
    """Gain and offset of each member's layer normalisation: (E, 1, width); see `hidden_layer`."""

    def __init__(self, ensemble: int, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(ensemble, 1, width))
        self.offset = nn.Parameter(torch.zeros(ensemble, 1, width))


def hidden_layer(
    linear: EnsembleLinear,
    norm: EnsembleLayerNorm,
    parts: tuple[Tensor, ...],
    members: Tensor | None = None,
    products: torch.dtype | None = None,
) -> Tensor:
    """relu(gain LN(x W + b) + offset), (E, B, out) of x, whose `parts` lie side by side.

    Args:
        parts: each (E, B, in_i), or each (B, in_i) shared by all members.
        members: (M,) indices of those that are computed alone; all if None.
        products: the number format of matrix products, by default the weights' own; all else is of the weights' own.
    """
    values = of_members((linear.weight, linear.bias, norm.gain, norm.offset), members)
    out: Tensor = _HiddenLayer.apply(products or linear.weight.dtype, *values, *parts)
    return out


def of_members(values: tuple[Tensor, ...], members: Tensor | None) -> tuple[Tensor, ...]:
    """(M, ...) of each of `values` (E, ...): of `members` (M,), or all if that is None."""
    return values if members is None else tuple(v[members] for v in values)


class _HiddenLayer(torch.autograd.Function):
    """The layer with its gradient by hand: few passes over the numbers between the products, and none of the product
    for a part of x that no gradient is wanted of (the state, in the actor's loss)."""

    @staticmethod
    def forward(
        ctx: Any, products: torch.dtype, weight: Tensor, bias: Tensor, gain: Tensor, offset: Tensor, *parts: Tensor
    ) -> Tensor:
        x = (parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)).to(products)
        w = weight.to(products)
        n = torch.bmm(x.expand(len(w), *x.shape[-2:]), w).to(weight.dtype).add_(bias)
        n -= n.mean(dim=-1, keepdim=True)
        variance = torch.linalg.vector_norm(n, dim=-1, keepdim=True).square_().div_(n.shape[-1])
        scale = variance.add_(EPSILON).rsqrt_()
        n *= scale
        out = torch.addcmul(offset, n, gain).relu_()
        ctx.save_for_backward(x, w, gain, n, scale, out)
        ctx.widths = [p.shape[-1] for p in parts]
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, w, gain, n, scale, out = ctx.saved_tensors
        weights, inputs = ctx.needs_input_grad[1:5], ctx.needs_input_grad[5:]
        grad = torch.ops.aten.threshold_backward(grad, out, 0)
        d_weight = d_bias = d_gain = d_offset = None
        product = grad * n
        if any(weights):
            d_offset, d_gain = grad.sum(dim=1, keepdim=True), product.sum(dim=1, keepdim=True)
        # h = x W + b and n = (h - mean h) / deviation: dh = (g - mean g - n mean(g n)) / deviation with g = gain d_out
        along = product.mul_(gain).mean(dim=-1, keepdim=True)
        grad *= gain
        grad -= grad.mean(dim=-1, keepdim=True)
        grad = grad.addcmul_(n, along, value=-1).mul_(scale)
        if any(weights):
            d_bias = grad.sum(dim=1, keepdim=True)
        grad = grad.to(w.dtype)
        if any(weights):
            d_weight = torch.bmm(x.transpose(-1, -2).expand(len(grad), -1, -1), grad).to(gain.dtype)
        d_parts: list[Tensor | None] = []
        begin = 0
        for width, wanted in zip(ctx.widths, inputs, strict=True):
            part = torch.bmm(grad, w[:, begin : begin + width].transpose(1, 2)).to(gain.dtype) if wanted else None
            d_parts.append(part.sum(dim=0) if part is not None and x.dim() == 2 else part)
            begin += width
        return None, d_weight, d_bias, d_gain, d_offset, *d_parts
