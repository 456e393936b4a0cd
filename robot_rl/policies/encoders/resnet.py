"""ResNet-18 (He et al. 2015) with group normalisation of 16 channels a group, as Chi et al. 2023 use it."""

from __future__ import annotations

from torch import Tensor, nn

from robot_rl.policies.encoders.backbone import Backbone, BackboneError
from robot_rl.policies.encoders.config import EncoderConfig

STAGES = ((4, 64), (8, 128), (16, 256), (32, 512))
"""Stride and channels of each stage's maps; a stage is two blocks."""


def norm(channels: int) -> nn.GroupNorm:
    """Group normalisation with 16 channels a group."""
    return nn.GroupNorm(channels // 16, channels)


class Block(nn.Module):
    """Two 3x3 convolutions and a way past them, (B, n_in, H, W) to (B, n_out, H / stride, W / stride)."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.path = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False),
            norm(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False),
            norm(n_out),
        )
        same = n_in == n_out and stride == 1
        self.past = nn.Identity() if same else nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), norm(n_out))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.path(x) + self.past(x))


class ResNet18(Backbone):
    """All four stages, or those up to a stride of 4, 8, 16 or 32."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config)
        strides = [s for s, _ in STAGES]
        if config.stride and config.stride not in strides:
            raise BackboneError(f"resnet18: stride is {config.stride}; it has maps at {strides}")
        layers: list[nn.Module] = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), norm(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        n_in = 64
        for stride, n_out in STAGES:
            if config.stride and stride > config.stride:
                break
            layers += [Block(n_in, n_out, 1 if stride == 4 else 2), Block(n_out, n_out, 1)]
            n_in = n_out
        self.layers = nn.Sequential(*layers)
        self.channels = n_in

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out
