"""A verifier for a trained policy: pseudo-counts of its training chunks, on what its frozen encoder sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from robot_rl.learn.config import TrainConfig, TrainingError
from robot_rl.learn.data import TrainingData, load_data, tensors
from robot_rl.policies import checkpoint
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.chunks import hold_last
from robot_rl.policies.verifier_counts import CountConfig, CountVerifier, fit

BLOCK = 1024
"""Windows encoded at a time."""


def train_verifier(
    path: str | Path, config: CountConfig, device: str = "cpu", progress: Callable[[int, float], None] | None = None
) -> Path:
    """Train a verifier for the checkpoint at `path` on the data that it was trained on, and keep it there.

    Returns:
        The verifier's file.

    Raises:
        CheckpointError: there is no such policy, or it does not say how it was trained.
        TrainingError, DatasetError: the data are not those it was trained on, or cannot be read.
    """
    policy, card = checkpoint.load(path, device), checkpoint.read_card(path)
    options = card.training.get("config")
    if not options:
        raise checkpoint.CheckpointError(f"{path}: the checkpoint does not say how it was trained")
    data = load_data(TrainConfig.from_dict(options), policy.device)
    try:
        then = {"contents": data.identity["contents"]} | dict(card.dataset)  # older cards say nothing of contents
        if any(data.identity[k] != then.get(k) for k in ("digest", "contents")):
            raise TrainingError(
                f"{path}: the data sets have changed since the policy was trained: a count of other chunks "
                "than its own would mislead; train the policy again"
            )
        verifier = fit_verifier(policy, data, config, progress)
    finally:
        data.train.close()
    return checkpoint.save_verifier(path, verifier)


def fit_verifier(
    policy: ChunkPolicy, data: TrainingData, config: CountConfig, progress: Callable[[int, float], None] | None = None
) -> CountVerifier:
    """A verifier from every training window of `data` that is not only watched; what pads a window holds its last
    action, as in training."""
    rows = features(policy, data)
    return fit(rows, rows.shape[1] - policy.horizon * policy.action_space.size, config, progress=progress)


@torch.no_grad()
def features(policy: ChunkPolicy, data: TrainingData) -> Tensor:
    """Context and normalised chunk of every training window that is not only watched, (N, C + horizon E)."""
    windows = data.train.windows
    known = np.flatnonzero(windows.known)
    out = []
    for start in range(0, len(known), BLOCK):
        batch = tensors(windows.batch(known[start : start + BLOCK]), policy.device)
        context, learned = policy.encode(batch)
        out.append(torch.cat([context, hold_last(learned, batch["action_mask"]).flatten(1)], dim=1))
    return torch.cat(out)
