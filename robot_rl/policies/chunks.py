"""Action chunks with padded steps, which enter neither a loss nor its gradient. Valid steps come first."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def hold_last(chunk: Tensor, mask: Tensor) -> Tensor:
    """Replace padded steps by the last valid action (zero if there is none), whatever the padding held.

    Networks read whole chunks, so a masked loss alone would still let padding through their input.
    chunk (B, H, A), mask (B, H) bool.
    """
    last = (mask.sum(1) - 1).clamp_min(0)
    held = chunk.gather(1, last[:, None, None].expand(-1, 1, chunk.shape[2]))
    held = torch.where(mask[:, :1, None], held, torch.zeros_like(held))
    return torch.where(mask[..., None], chunk, held)


def masked_mean(error: Tensor, mask: Tensor) -> Tensor:
    """Mean of error (B, H, A) over the steps where mask (B, H) is true."""
    weight = mask.to(error.dtype)
    return (error.mean(-1) * weight).sum() / weight.sum().clamp_min(1)


def masked_means(error: Tensor, mask: Tensor) -> Tensor:
    """Mean of error (B, H, A) over the valid steps of each chunk (B,); zero for a chunk without any."""
    weight = mask.to(error.dtype)
    return (error.mean(-1) * weight).sum(1) / weight.sum(1).clamp_min(1)


def draw_noise(like: Tensor, generator: Generator | None) -> Tensor:
    """Standard normal numbers in the shape and on the device of `like`."""
    return torch.randn(like.shape, generator=generator, device=like.device)


def initial_noise(noise: Tensor | None, context: Tensor, shape: tuple[int, int], generator: Generator | None) -> Tensor:
    """What a sampler starts from: `noise` (B, H, A) where it is given, else a draw, one chunk a row of context."""
    if noise is not None:
        return noise
    return torch.randn((len(context), *shape), generator=generator, device=context.device)


def draw_choice(logits: Tensor, temperature: float, generator: Generator | None) -> Tensor:
    """An index (...,) for each row of logits (..., C), drawn at a temperature; 0 takes the likeliest."""
    if temperature == 0:
        return logits.argmax(-1)
    chances = (logits / temperature).softmax(-1).flatten(0, -2)
    return torch.multinomial(chances, 1, generator=generator).view(logits.shape[:-1])
