"""The network: a picture to log-odds of success, over a small CNN or over features that are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from robot_rl.rewards.drift import appearance
from robot_rl.rewards.errors import RewardError
from robot_rl.rewards.view import Pictures

GROUPS = 8
CNN = "cnn"
BATCH = 256
"""Pictures that are judged at once."""

EncoderMaker = Callable[[int], nn.Module]
"""Side of the square pictures [px] to a module: uint8 (B, S, S, 3) to features (B, n); its `size` is n."""


@dataclass(frozen=True)
class ClassifierConfig:
    """The network."""

    encoder: str = CNN
    """`cnn`, trained from scratch; any other name is of a frozen encoder, e.g. `efficientnet_lite0`."""
    channels: tuple[int, ...] = (16, 32, 32)
    """Of the stride-2 convolutions of `cnn`."""
    features: int = 64
    """Of `cnn`."""
    hidden: int = 64
    """Of the head."""
    dropout: float = 0.1
    """Of features, while training."""

    def __post_init__(self) -> None:
        if not self.channels or any(c < 1 or c % GROUPS for c in self.channels):
            raise RewardError(f"channels {self.channels}: each must be a multiple of {GROUPS}")
        if self.features < 1 or self.hidden < 1 or not 0.0 <= self.dropout < 1.0:
            raise RewardError(f"features {self.features}, hidden {self.hidden}, dropout {self.dropout}: out of range")

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self) | {"channels": list(self.channels)}


class SmallCnn(nn.Module):
    """uint8 pictures (B, S, S, 3) to features (B, n). GroupNorm, so that a batch of one is judged like any other."""

    def __init__(self, size: int, config: ClassifierConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        n_in, side = 3, size
        for n_out in config.channels:
            layers += [nn.Conv2d(n_in, n_out, 3, stride=2, padding=1), nn.GroupNorm(GROUPS, n_out), nn.SiLU()]
            n_in, side = n_out, (side + 1) // 2
        pooled = min(side, 4)
        self.convolutions = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(pooled), nn.Flatten())
        self.project = nn.Sequential(nn.Linear(n_in * pooled**2, config.features), nn.LayerNorm(config.features))
        self.size = config.features

    def forward(self, pictures: Tensor) -> Tensor:
        x = pictures.permute(0, 3, 1, 2).float().div(127.5).sub(1.0)
        out: Tensor = self.project(self.convolutions(x))
        return out


class RewardClassifier(nn.Module):
    """Encoder and head. `bias` and `temperature` turn logits into calibrated log-odds.

    Args:
        size: side of the pictures [px].
        encoder: in place of the CNN, with an attribute `size`; it is frozen.
    """

    temperature: Tensor
    bias: Tensor

    def __init__(self, config: ClassifierConfig, size: int, encoder: nn.Module | None = None) -> None:
        super().__init__()
        if (config.encoder == CNN) != (encoder is None):
            raise RewardError(f"encoder '{config.encoder}': 'cnn' is made here, any other must be given")
        self.config = config
        self.frozen = encoder is not None
        self.encoder: nn.Module = SmallCnn(size, config) if encoder is None else encoder.eval().requires_grad_(False)
        n: int = self.encoder.size  # type: ignore[assignment]
        self.head = nn.Sequential(
            nn.LayerNorm(n),
            nn.Dropout(config.dropout),
            nn.Linear(n, config.hidden),
            nn.SiLU(),
            nn.Linear(config.hidden, 1),
        )
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("bias", torch.zeros(()))

    def train(self, mode: bool = True) -> RewardClassifier:
        """Frozen features stay in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def features(self, pictures: Tensor) -> Tensor:
        """uint8 (B, S, S, 3) to (B, n)."""
        if self.frozen:
            with torch.no_grad():
                return self.encoder(pictures)  # type: ignore[no-any-return]
        return self.encoder(pictures)  # type: ignore[no-any-return]

    def logits(self, features: Tensor) -> Tensor:
        """(B, n) to raw logits (B,), as trained on balanced batches."""
        out: Tensor = self.head(features)
        return out.squeeze(-1)

    def log_odds(self, features: Tensor) -> Tensor:
        """(B, n) to calibrated log-odds of success (B,): (logit + bias) / temperature."""
        return (self.logits(features) + self.bias) / self.temperature


@dataclass(frozen=True)
class Judged:
    """What a classifier makes of pictures."""

    probabilities: NDArray[np.float64]  # (N,)
    features: NDArray[np.float32]  # (N, n)
    appearance: NDArray[np.float64]  # (N, 22), see `drift.appearance`


def judge_pictures(classifier: RewardClassifier, pictures: Pictures) -> Judged:
    """Probabilities and features of pictures (N, S, S, 3). Raises RewardError when a probability is not finite."""
    classifier.eval()
    device = classifier.bias.device
    said, seen = [], []
    with torch.no_grad():
        for i in range(0, len(pictures), BATCH):
            features = classifier.features(torch.from_numpy(pictures[i : i + BATCH]).to(device))
            seen.append(features.float().cpu().numpy())
            said.append(torch.sigmoid(classifier.log_odds(features).double()).cpu().numpy())
    if not seen:
        return Judged(np.empty(0), np.empty((0, 0), np.float32), appearance(pictures))
    probabilities = np.concatenate(said)
    if not np.isfinite(probabilities).all():
        raise RewardError(
            f"the classifier gave {int((~np.isfinite(probabilities)).sum())} probabilities that are not finite: its "
            "weights are damaged; load the checkpoint again or train anew"
        )
    return Judged(probabilities, np.concatenate(seen), appearance(pictures))
