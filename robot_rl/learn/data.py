"""Recorded episodes as tensors to train from: split by episode, normaliser statistics, batches read ahead."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.sampling import statistics as dataset_statistics
from robot_rl.datasets.sampling.loader import Loader
from robot_rl.datasets.sampling.sampler import Sampler
from robot_rl.datasets.sampling.selection import rule
from robot_rl.datasets.sampling.weights import weights_by_name
from robot_rl.datasets.sampling.windows import ACTION, Windows
from robot_rl.learn import features
from robot_rl.learn.action_statistics import action_statistics
from robot_rl.learn.config import TrainConfig, TrainingError
from robot_rl.learn.parallel import World
from robot_rl.policies.chunk_module import action_space
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.normalization import Statistics
from robot_rl.spec import Field, Layout, Spec, mismatch
from robot_rl.workspace import did_you_mean

log = logging.getLogger(__name__)


class Batches:
    """Batches of training windows as tensors on one device.

    Which windows the batch of a step holds is a function of seed and step alone, so a resumed run goes on with the very
    same ones. Close it to end the processes that read ahead.
    """

    def __init__(self, windows: Windows, device: torch.device, sampler: Sampler, workers: int = 0) -> None:
        """
        Args:
            sampler: this process's share of each batch.
            workers: processes that read pictures ahead; 0 reads them when they are wanted.
        """
        self._loader, self._device = Loader(windows, sampler, workers=workers), device

    def __len__(self) -> int:
        """How many windows there are."""
        return len(self._loader.windows)

    @property
    def windows(self) -> Windows:
        """All windows, in order."""
        return self._loader.windows

    def next(self) -> dict[str, Tensor]:
        """The next batch, as `ChunkPolicy.loss` takes it."""
        return tensors(self._loader.next_batch(), self._device)

    def seek(self, step: int) -> None:
        """Go on with the batch of that optimiser step, counted from 0."""
        sampler = self._loader.sampler
        epoch, batch = divmod(step, sampler.batches)
        self._loader.load_state_dict(sampler.state_dict() | {"epoch": epoch, "batch": batch})

    def close(self) -> None:
        self._loader.close()


def tensors(batch: Mapping[str, np.ndarray[Any, Any]], device: torch.device) -> dict[str, Tensor]:
    """A batch of `Windows` on a device: numbers as float32, pictures and masks as they are."""
    out = {}
    for name, values in batch.items():
        tensor = torch.from_numpy(values)
        if tensor.dtype == torch.float64:
            tensor = tensor.float()
        if device.type == "cuda":
            tensor = tensor.pin_memory().to(device, non_blocking=True)
        out[name] = tensor
    return out


@dataclass(frozen=True)
class TrainingData:
    """What a run learns from."""

    spec: Spec
    inputs: Layout
    """The fields and cameras the policy looks at."""
    statistics: dict[str, Statistics]
    """Of each vector input and of "action" as the policy learns it, over the training steps alone."""
    train: Batches
    holdout: Windows | None
    identity: dict[str, Any]
    """Which data sets, how many episodes and steps, and digests of the episodes' ids and of what is in them."""
    recorded_seeds: frozenset[int] = frozenset()
    """Of the initial states of all simulated episodes in the data sets, whether learned from or not."""


def load_data(config: TrainConfig, device: torch.device, world: World | None = None) -> TrainingData:
    """Open the data sets, choose steps, split, and bring all numbers into memory.

    Args:
        world: the processes that train together, each of which takes its share of every batch.

    Raises:
        TrainingError: no data set is named, their specs differ, or the policy wants a field they lack.
        DatasetError: a data set cannot be read, or a number is not finite (episode and step are named).
    """
    if not config.dataset:
        raise TrainingError("no data set: give one, e.g. --dataset datasets/lift")
    datasets = [Dataset.open(path) for path in config.dataset]
    watched = [Dataset.open(path) for path in config.action_free]
    spec = datasets[0].spec
    for other in (*datasets[1:], *watched):
        if differences := spec.differences(other.spec):
            first, second = (f"data set {config.dataset[0]}", spec), (f"data set {other.path}", other.spec)
            raise TrainingError(mismatch(first, second, differences))
    inputs = policy_inputs(config.policy, spec, datasets[0].fields)
    select = rule(config.select)
    episodes = [e for d in datasets for e in d.episodes() if select(e).any()]
    if not episodes:
        total = sum(len(d) for d in datasets)
        raise TrainingError(f"the rule '{config.select}' keeps no step of the {total} episodes; see --select")
    train, held = split(episodes, config.holdout, config.seed)
    free = _only_watched([e for d in watched for e in d.episodes()], episodes)
    derived = features.features(config.policy.encoder, inputs, device)
    features.compute([*episodes, *free], derived)

    def windows(chosen: Sequence[Episode]) -> Windows:
        n_obs, horizon, future = config.policy.n_obs, config.policy.horizon, config.policy.future(inputs)
        ids = {str(e.attributes["id"]) for e in free}
        return Windows(chosen, list(inputs), n_obs, horizon, select, derived=derived, future=future, action_free=ids)

    train_windows, held_windows = windows([*train, *free]), windows(held) if held else None
    for own in (train_windows, held_windows):
        if own is not None:
            _check_histories(own)
    statistics = {n: _converted(s) for n, s in train_windows.statistics().items()}
    space = action_space(spec, inputs, config.policy)
    if not space.plain:
        statistics[ACTION] = action_statistics(space, train_windows)
    return TrainingData(
        spec=spec,
        inputs=inputs,
        statistics=statistics,
        train=Batches(
            train_windows, device, _sampler(config, train_windows, world or World()), _workers(config, device)
        ),
        holdout=held_windows,
        identity={
            "datasets": [_identity(d) for d in datasets] + [_identity(d) | {"action_free": True} for d in watched],
            "select": config.select,
            "episodes": len(train) + len(free),
            "steps": len(train_windows),
            "held_out_episodes": len(held),
            "digest": _digest(str(e.attributes["id"]) for e in (*episodes, *free)),
            "contents": _digest(_contents(e) for e in (*episodes, *free)),
        },
        recorded_seeds=frozenset(
            int(e.attributes["seed"])
            for d in (*datasets, *watched)
            for e in d.episodes()
            if e.attributes.get("seed") is not None
        ),
    )


def _only_watched(free: list[Episode], learned: Sequence[Episode]) -> list[Episode]:
    """The watched episodes but those whose actions are learned from, or held out, as well: each counts once."""
    known = {str(e.attributes["id"]) for e in learned}
    out = [e for e in free if str(e.attributes["id"]) not in known]
    if len(out) < len(free):
        log.info(
            "%d of %d watched episodes are among those with actions, and count there", len(free) - len(out), len(free)
        )
    return out


def _identity(dataset: Dataset) -> dict[str, Any]:
    return {"name": dataset.path.name, "identity": dataset.identity, "episodes": len(dataset)}


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _contents(episode: Episode) -> str:
    """What of an episode changes when its numbers or labels are edited."""
    said = ("id", "checksums", "success", "operator", "purpose")
    return json.dumps([episode.attributes.get(k) for k in said], sort_keys=True, default=str)


def parts_per_process(config: TrainConfig, world: World) -> int:
    """Into how many parts a process divides its share of a batch.

    Raises:
        TrainingError: the parts do not divide among the processes, or the batch into parts.
    """
    parts = config.parts or world.size
    if parts % world.size:
        raise TrainingError(f"parts is {parts}, which {world.size} processes cannot share equally; take a multiple")
    if config.batch % parts:
        raise TrainingError(f"a batch of {config.batch} does not divide into {parts} equal parts")
    return parts // world.size


def _workers(config: TrainConfig, device: torch.device) -> int:
    if config.workers >= 0:
        return config.workers
    return 2 if device.type == "cuda" else 0


def _sampler(config: TrainConfig, windows: Windows, world: World) -> Sampler:
    """Every window once an epoch, or drawn by weight. A batch is at most all windows."""
    parts = parts_per_process(config, world) * world.size
    batch = min(config.batch, len(windows) // parts * parts)
    if not batch:
        raise TrainingError(f"{len(windows)} windows are too few for a batch in {parts} parts: record more data")
    if batch < config.batch:
        log.warning("a batch holds %d windows instead of %d: there are no more", batch, config.batch)
    weights = weights_by_name(config.weights, windows) if config.weights else None
    return Sampler(
        len(windows),
        batch // world.size,
        order="shuffled" if weights is None else "weighted",
        weights=weights,
        seed=config.seed,
        rank=world.rank,
        world=world.size,
    )


def policy_inputs(config: PolicyConfig, spec: Spec, fields: dict[str, Field]) -> Layout:
    """The fields a policy looks at; by default every vector field of the spec.

    Raises:
        TrainingError: a name that is neither an observation field nor a camera of the data.
    """
    names = config.observation or tuple(f.name for f in spec.observation.vectors)
    for name in names:
        if name not in fields:
            raise TrainingError(
                f"the data, recorded on robot '{spec.robot}', have no observation '{name}'."
                f"{did_you_mean(name, fields)} Take a recipe for '{spec.robot}', or name those that the policy is to "
                "look at: --policy.observation, or policy.observation in a recipe of your own"
            )
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
                row = int(rows[window][~np.isfinite(values[rows[window]].reshape(rows.shape[1], -1)).all(axis=1)][0])
                step = row - int(windows.first_rows[windows.episode_of[window]])
                raise TrainingError(
                    f"episode {windows.episode_numbers[window]}, step {step}: '{name}' is not finite: "
                    f"{values[row].tolist()}. The step is not learned from, but the one after it sees it"
                )


def _converted(s: dataset_statistics.Statistics) -> Statistics:
    return Statistics(minimum=s.min, maximum=s.max, mean=s.mean, std=s.std, q01=s.q01, q99=s.q99)
