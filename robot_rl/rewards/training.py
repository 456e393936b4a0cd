"""Learning to tell success from the rest: balanced batches, shifted and brightened pictures, AdamW."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from robot_rl.rewards.classifier import BATCH, RewardClassifier
from robot_rl.rewards.errors import RewardError
from robot_rl.rewards.view import Pictures


@dataclass(frozen=True)
class FitConfig:
    """The optimisation."""

    steps: int = 600
    batch: int = 64
    """Half of it successes."""
    rate: float = 1e-3
    """Learning rate at the start; it falls to zero along a cosine."""
    weight_decay: float = 1e-4
    shift: int = 3
    """Pictures are moved by up to so many pixels each way (DrQ), edges repeated; frozen features are not."""
    brightness: float = 0.15
    """Pictures are brightened or darkened by up to this share."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 2 or self.shift < 0 or not self.rate > 0.0:
            raise RewardError(
                f"steps {self.steps}, batch {self.batch}, shift {self.shift}, rate {self.rate}: at least "
                "1, 2, 0, above 0"
            )
        if not 0.0 <= self.brightness < 1.0:
            raise RewardError(f"brightness {self.brightness} must lie in [0, 1)")


def fit(
    classifier: RewardClassifier, pictures: Pictures, labels: NDArray[np.bool_], config: FitConfig
) -> tuple[float, ...]:
    """Train on pictures (N, S, S, 3) with labels (N,). Returns the loss of each step.

    Batches hold as many successes as failures, which shifts the logits by the log-odds of the classes; `bias` takes
    that shift back (Saerens et al. 2002): log p(1|x)/p(0|x) = logit + log n_1/n_0.

    Raises:
        RewardError: only one of the two classes is there, or the loss is not finite.
    """
    positive, negative = np.flatnonzero(labels), np.flatnonzero(~labels)
    if not len(positive) or not len(negative):
        raise RewardError(
            f"{len(positive)} successes and {len(negative)} other pictures to train on: both are needed; "
            "`robot-rl reward collect` says how many"
        )
    rng, device = np.random.default_rng(config.seed), classifier.bias.device
    parameters = [p for p in classifier.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, config.rate, weight_decay=config.weight_decay)
    stored = _features(classifier, pictures) if classifier.frozen else None
    classifier.train()
    losses = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        for step in range(config.steps):
            half = config.batch // 2
            rows = np.concatenate([rng.choice(positive, half), rng.choice(negative, config.batch - half)])
            for group in optimiser.param_groups:
                group["lr"] = 0.5 * config.rate * (1.0 + math.cos(math.pi * step / config.steps))
            if stored is None:
                features = classifier.features(augment(torch.from_numpy(pictures[rows]).to(device), config, rng))
            else:
                features = stored[torch.from_numpy(rows).to(device)]
            target = torch.from_numpy(labels[rows].astype(np.float32)).to(device)
            loss = functional.binary_cross_entropy_with_logits(classifier.logits(features), target)
            if not torch.isfinite(loss):
                raise RewardError(f"the loss is {loss.item()} at step {step}: lower the learning rate")
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    classifier.bias.fill_(math.log(len(positive) / len(negative)))
    classifier.eval()
    return tuple(losses)


def augment(pictures: Tensor, config: FitConfig, rng: np.random.Generator) -> Tensor:
    """Each of (B, S, S, 3) shifted by a whole number of pixels (Kostrikov et al. 2021) and brightened, uint8 again."""
    batch, side = pictures.shape[:2]
    if config.shift:
        p = config.shift
        padded = functional.pad(pictures.permute(0, 3, 1, 2).float(), (p, p, p, p), mode="replicate")
        moves = rng.integers(0, 2 * p + 1, (batch, 2))
        cut = [padded[i, :, a : a + side, b : b + side] for i, (a, b) in enumerate(moves.tolist())]
        pictures = torch.stack(cut).permute(0, 2, 3, 1)
    scale = torch.from_numpy(rng.uniform(1 - config.brightness, 1 + config.brightness, batch).astype(np.float32))
    lit = pictures.float() * scale.to(pictures.device)[:, None, None, None]
    return lit.clamp(0, 255).to(torch.uint8)


def _features(classifier: RewardClassifier, pictures: Pictures) -> Tensor:
    device = classifier.bias.device
    parts = [
        classifier.features(torch.from_numpy(pictures[i : i + BATCH]).to(device))
        for i in range(0, len(pictures), BATCH)
    ]
    return torch.cat(parts)
