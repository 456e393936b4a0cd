"""Recorded episodes as tensors to train from: split by episode, normaliser statistics, batches from memory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robot_rl.datasets import statistics as dataset_statistics
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.frame_table import FrameTable
from robot_rl.datasets.selection import rule
from robot_rl.datasets.weights import weights_by_name
from robot_rl.datasets.windows import ACTION, ACTION_MASK, Windows, future_key
from robot_rl.learn.config import TrainConfig, TrainingError
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.normalization import Statistics
from robot_rl.spec import Field, Layout, Spec
from robot_rl.workspace import did_you_mean


class TensorWindows:
    """Training windows as tensors on one device; a batch is a gather a field, pictures are read from disk."""

    def __init__(self, windows: Windows, device: torch.device, weights: np.ndarray[Any, Any] | None = None) -> None:
        """
        Args:
            weights: (W,) how often each window is drawn; by default all alike.
        """
        self._windows, self._device = windows, device
        self._cumulative = None if weights is None else np.cumsum(weights)
        self._fields = {n: self._tensor(v) for n, v in windows.fields.items()}
        self._actions = self._tensor(windows.actions)

    def __len__(self) -> int:
        return len(self._windows)

    def batch(self, indices: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, Tensor]:
        """The windows at these indices (B,), as `ChunkPolicy.loss` takes them."""
        observations, actions, mask = (torch.from_numpy(r) for r in self._windows.rows(indices))
        out = {n: self._gather(v, observations) for n, v in self._fields.items()}
        out |= {future_key(n): self._gather(self._fields[n], actions) for n in self._windows.future}
        return out | {ACTION: self._gather(self._actions, actions), ACTION_MASK: mask.to(self._device)}

    def sample(self, rng: np.random.Generator, batch: int) -> dict[str, Tensor]:
        """`batch` windows drawn with replacement."""
        if self._cumulative is None:
            return self.batch(rng.integers(len(self), size=batch))
        draws = rng.random(batch) * self._cumulative[-1]
        return self.batch(np.searchsorted(self._cumulative, draws, side="right"))

    def _tensor(self, values: np.ndarray[Any, Any] | FrameTable) -> Tensor | FrameTable:
        """Pictures stay bytes on disk; numbers become float32 on the device."""
        if isinstance(values, FrameTable):
            return values
        return torch.from_numpy(values.astype(np.float32)).to(self._device)

    def _gather(self, values: Tensor | FrameTable, rows: Tensor) -> Tensor:
        if isinstance(values, FrameTable):
            return torch.from_numpy(values[rows.numpy()]).to(self._device)
        return values[rows.to(values.device)].to(self._device)


@dataclass(frozen=True)
class TrainingData:
    """What a run learns from."""

    spec: Spec
    inputs: Layout
    """The fields and cameras the policy looks at."""
    statistics: dict[str, Statistics]
    """Of each vector input and of "action", over the training steps alone."""
    train: TensorWindows
    holdout: TensorWindows | None
    identity: dict[str, Any]
    """Which data sets, how many episodes and steps, and a digest of the episodes' ids."""


def load_data(config: TrainConfig, device: torch.device) -> TrainingData:
    """Open the data sets, choose steps, split, and bring all into memory.

    Raises:
        TrainingError: no data set is named, their specs differ, or the policy wants a field they lack.
        DatasetError: a data set cannot be read, or a number is not finite (episode and step are named).
    """
    if not config.dataset:
        raise TrainingError("no data set: give one, e.g. --dataset datasets/lift")
    datasets = [Dataset.open(path) for path in config.dataset]
    spec = datasets[0].spec
    for other, path in zip(datasets[1:], config.dataset[1:], strict=True):
        if differences := spec.differences(other.spec):
            raise TrainingError(f"{path} does not fit {config.dataset[0]}:\n  " + "\n  ".join(differences))
    inputs = policy_inputs(config.policy, spec, datasets[0].fields)
    select = rule(config.select)
    episodes = [e for d in datasets for e in d.episodes() if select(e).any()]
    if not episodes:
        total = sum(len(d) for d in datasets)
        raise TrainingError(f"the rule '{config.select}' keeps no step of the {total} episodes; see --select")
    train, held = split(episodes, config.holdout, config.seed)

    def windows(chosen: Sequence[Episode]) -> Windows:
        return Windows(chosen, list(inputs), config.policy.n_obs, config.policy.horizon, select)

    train_windows = windows(train)
    _check_histories(train_windows)
    return TrainingData(
        spec=spec,
        inputs=inputs,
        statistics={n: _converted(s) for n, s in train_windows.statistics().items()},
        train=TensorWindows(
            train_windows, device, weights_by_name(config.weights, train_windows) if config.weights else None
        ),
        holdout=TensorWindows(windows(held), device) if held else None,
        identity={
            "datasets": [{"name": d.path.name, "identity": d.identity, "episodes": len(d)} for d in datasets],
            "select": config.select,
            "episodes": len(train),
            "steps": len(train_windows),
            "held_out_episodes": len(held),
            "digest": hashlib.sha256("\n".join(str(e.attributes["id"]) for e in episodes).encode()).hexdigest(),
        },
    )


def policy_inputs(config: PolicyConfig, spec: Spec, fields: dict[str, Field]) -> Layout:
    """The fields a policy looks at; by default every vector field of the spec.

    Raises:
        TrainingError: a name that is neither an observation field nor a camera of the data.
    """
    names = config.observation or tuple(f.name for f in spec.observation.vectors)
    for name in names:
        if name not in fields:
            raise TrainingError(f"the data has no observation '{name}'.{did_you_mean(name, fields)}")
        if fields[name].kind == "depth":
            raise TrainingError(f"observation '{name}' is a depth image; the encoders take colour images and vectors")
    return Layout(tuple(fields[n] for n in names))


def split(episodes: Sequence[Episode], share: float, seed: int) -> tuple[list[Episode], list[Episode]]:
    """Training and held-out episodes. Chosen by a hash of each episode's id, so that an episode that was
    held out of a small data set mostly stays so when the data set grows. At least one is left to train on."""
    n_held = min(round(share * len(episodes)), len(episodes) - 1)
    ids = [str(e.attributes["id"]) for e in episodes]
    ranked = sorted(range(len(episodes)), key=lambda i: hashlib.sha256(f"{seed}:{ids[i]}".encode()).digest())
    held = set(ranked[:n_held])
    return [e for i, e in enumerate(episodes) if i not in held], [e for i, e in enumerate(episodes) if i in held]


def _check_histories(windows: Windows) -> None:
    """Refuse non-finite observations also in steps that are seen only as the history of a selected one."""
    rows = windows.rows(np.arange(len(windows)))[0]
    for name, values in windows.fields.items():
        if isinstance(values, np.ndarray) and values.dtype.kind == "f":
            bad = ~np.isfinite(values[rows]).reshape(len(rows), -1).all(axis=1)
            if bad.any():
                window = int(np.flatnonzero(bad)[0])
                raise TrainingError(
                    f"episode {windows.episode_numbers[window]}: '{name}' is not finite in a step just before one "
                    f"that is learned from: {values[rows[window]].tolist()}"
                )


def _converted(s: dataset_statistics.Statistics) -> Statistics:
    return Statistics(minimum=s.min, maximum=s.max, mean=s.mean, std=s.std)
