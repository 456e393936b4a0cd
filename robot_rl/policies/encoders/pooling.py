"""From a map of features to one vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robot_rl.policies.encoders.config import PRETRAINED, EncoderConfig

SHARPNESS = 8.0
"""By which the first weights behind a backbone that trains from nothing are larger than torch's. With those, a map
differs so little from place to place that every keypoint lies in the middle of every picture, to a hundredth of its
size, and vision is a whisper beside the other things that are seen. Behind pretrained maps keypoints vary by .2."""


def spatial_softmax(features: Tensor) -> Tensor:
    """Expected image position of each feature map, (B, K, H, W) to (B, 2 K): all x, then all y, in [-1, 1].

    Finn et al. 2016, "Deep Spatial Autoencoders for Visuomotor Learning".
    """
    height, width = features.shape[-2:]
    weight = features.flatten(2).softmax(-1).unflatten(-1, (height, width))
    ys = torch.linspace(-1, 1, height, device=features.device)
    xs = torch.linspace(-1, 1, width, device=features.device)
    return torch.cat([(weight.sum(2) * xs).sum(-1), (weight.sum(3) * ys).sum(-1)], dim=-1)


class Keypoints(nn.Module):
    """Where things are: K learnt mixtures of the maps (B, C, h, w), and the expected position of each (B, 2 K)."""

    def __init__(self, channels: int, keypoints: int, sharpness: float = 1.0) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, keypoints, 1)
        with torch.no_grad():
            self.convolution.weight.mul_(sharpness)
        self.size = 2 * keypoints

    def forward(self, maps: Tensor) -> Tensor:
        return spatial_softmax(self.convolution(maps))


class Mean(nn.Module):
    """What there is: each map's mean, normalised over the maps, (B, C, h, w) to (B, C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.size = channels

    def forward(self, maps: Tensor) -> Tensor:
        out: Tensor = self.norm(maps.mean(dim=(2, 3)))
        return out


def pooling(config: EncoderConfig, channels: int) -> Keypoints | Mean:
    """The pooling that a configuration asks for."""
    if config.pooling == "mean":
        return Mean(channels)
    pretrained = config.pretrained and config.kind in PRETRAINED
    return Keypoints(channels, config.keypoints, 1.0 if pretrained else SHARPNESS)
