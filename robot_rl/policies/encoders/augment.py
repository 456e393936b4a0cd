"""Augmentation on the device where training runs. What is drawn for a sample holds for all frames of its history."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601)."""


def uniform(n: int, low: float, high: float, like: Tensor, generator: Generator | None) -> Tensor:
    """n numbers (n,) in [low, high) on the device of `like`."""
    return low + (high - low) * torch.rand(n, generator=generator, device=like.device)


def crop_size(height: int, width: int, share: float) -> tuple[int, int]:
    """Height and width [pixels] of the crop that keeps this share of each side."""
    return max(round(height * share), 1), max(round(width * share), 1)


def center_crop(frames: Tensor, share: float) -> Tensor:
    """The middle of pictures (..., H, W, 3)."""
    height, width = frames.shape[-3:-1]
    h, w = crop_size(height, width, share)
    top, left = (height - h) // 2, (width - w) // 2
    return frames[..., top : top + h, left : left + w, :]


def random_crop(frames: Tensor, share: float, generator: Generator | None = None) -> Tensor:
    """Histories (B, T, H, W, 3) to (B, T, h, w, 3), each sample cut at its own place, the same in all its frames."""
    n, _, height, width = frames.shape[:4]
    h, w = crop_size(height, width, share)
    top = torch.randint(height - h + 1, (n,), generator=generator, device=frames.device).tolist()
    left = torch.randint(width - w + 1, (n,), generator=generator, device=frames.device).tolist()
    return torch.stack([f[:, t : t + h, x : x + w] for f, t, x in zip(frames, top, left)])


def color_matrices(saturation: Tensor, hue: Tensor) -> Tensor:
    """(n, 3, 3) matrices that scale the distance from grey by `saturation` (n,) and turn it by `hue` (n,) [rad] about
    the grey axis (Rodrigues' rotation); grey stays as it is."""
    grey = torch.tensor(LUMINANCE, device=hue.device).expand(3, 3)
    one = torch.eye(3, device=hue.device)
    axis = torch.full((3, 3), 1 / 3, device=hue.device)
    root = 3**-0.5
    turn = root * torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=hue.device)
    cos, sin = hue.cos()[:, None, None], hue.sin()[:, None, None]
    rotation = cos * one + sin * turn + (1 - cos) * axis
    s = saturation[:, None, None]
    return rotation @ (s * one + (1 - s) * grey)


def color_jitter(pictures: Tensor, strength: float, generator: Generator | None = None) -> Tensor:
    """Vary histories (B, T, 3, H, W) of pictures in [0, 1]: brightness, contrast and saturation by factors in
    [1 - strength, 1 + strength], hue by up to strength / 2 [rad]."""
    n = len(pictures)
    low, high = 1 - strength, 1 + strength
    brightness, contrast, saturation = (uniform(n, low, high, pictures, generator) for _ in range(3))
    hue = uniform(n, -strength / 2, strength / 2, pictures, generator)
    mixed = torch.einsum("nij,ntjhw->ntihw", color_matrices(saturation, hue), pictures)
    mean = mixed.mean(dim=(1, 2, 3, 4), keepdim=True)
    k = contrast[:, None, None, None, None]
    return ((mean + k * (mixed - mean)) * brightness[:, None, None, None, None]).clamp(0, 1)


def keep_mask(n: int, dropped: float, device: torch.device, generator: Generator | None = None) -> Tensor:
    """(n,) of 1, and of 0 with probability `dropped`."""
    return (torch.rand(n, generator=generator, device=device) >= dropped).float()
