"""Frozen features for a reward classifier: a policy's pretrained image backbone by its name."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn

from robot_rl.policies.encoders.backbone import BackboneError, described, output_shape
from robot_rl.policies.encoders.config import EncoderConfig
from robot_rl.policies.encoders.images import MapExtractor
from robot_rl.rewards.errors import RewardError

GRID = 2
"""Maps are averaged over so many fields a side: what is there, and roughly where."""


class FrozenFeatures(nn.Module):
    """uint8 pictures (B, S, S, 3) to features (B, n) of a pretrained backbone that stays as it is.

    Args:
        name: as `backbone` of a policy's encoder, e.g. `efficientnet_lite0` or `timm:<name>`.
        side: of the pictures [px].

    Raises:
        RewardError: no such backbone, it has no pretrained weights, or does not take such pictures.
    """

    def __init__(self, name: str, side: int) -> None:
        super().__init__()
        try:
            config = described(EncoderConfig(backbone=name, frozen=True))
            self.extractor = MapExtractor(config)
            self.extractor.backbone.load_pretrained(config)
            wanted = self.extractor.preprocessing.size or side
            channels = output_shape(self.extractor.backbone, wanted, wanted)[0]
        except (BackboneError, ValueError) as error:
            raise RewardError(f"encoder '{name}': {error}") from error
        self.pool = nn.AdaptiveAvgPool2d(GRID)
        self.size = channels * GRID**2

    def forward(self, pictures: Tensor) -> Tensor:
        maps = self.extractor(pictures.permute(0, 3, 1, 2).float().div(255.0))
        out: Tensor = self.pool(maps).flatten(1)
        return out


def digest(module: nn.Module) -> str:
    """SHA-256 of a module's weights: frozen ones are not stored with a classifier, but must be the same again."""
    total = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        total.update(name.encode())
        total.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return total.hexdigest()
