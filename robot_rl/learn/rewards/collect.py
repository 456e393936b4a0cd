"""Pictures with labels out of recorded episodes: success as the steps are marked, and what is easily taken for it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode
from robot_rl.learn.rewards.key_log import KeyLog
from robot_rl.learn.rewards.words import word_of
from robot_rl.rewards.errors import RewardError
from robot_rl.rewards.frames import (
    BEFORE,
    EMPTY,
    HANDS,
    NEAR_MISS,
    SUCCESS,
    LabelledFrames,
    around_success,
)
from robot_rl.rewards.keys import LATENCY
from robot_rl.rewards.pace import measured_rate, thinned
from robot_rl.rewards.view import View
from robot_rl.workspace import did_you_mean

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CollectConfig:
    """Which pictures are taken, and as what."""

    before: float = BEFORE
    """So long before the first success [s] nothing is taken: nobody can say to the picture when it began."""
    near: float = 1.5
    """Pictures in the time before that [s], and in the last of a failure, are near misses."""
    hands: tuple[int, ...] = ()
    """Numbers of episodes that show hands in the scene."""
    empty: tuple[int, ...] = ()
    """Numbers of episodes that show an empty scene."""
    keys: KeyLog = field(default_factory=KeyLog)
    """Where a success key was held while an episode was watched, that says what is a success."""
    latency: float = LATENCY
    """Of the person at that key [s]."""

    def __post_init__(self) -> None:
        if self.before < 0.0 or self.near < 0.0:
            raise RewardError(f"before {self.before} s, near {self.near} s: at least 0")


@dataclass(frozen=True)
class Seen:
    """The distinct pictures of one episode, in order, and the step at whose end each was first seen."""

    steps: NDArray[np.int64]  # (M,)
    indices: NDArray[np.int64]  # (M,) into the camera's stream


def camera_view(dataset: Dataset, camera: str, crop: tuple[int, int, int, int] | None, size: int) -> View:
    """The view of a camera of a data set. Raises RewardError when there is no colour camera of that name."""
    field = dataset.fields.get(camera)
    if field is None or not field.is_image or field.kind == "depth":
        cameras = [n for n, f in dataset.fields.items() if f.is_image and f.kind != "depth"]
        raise RewardError(f"{dataset.path} has no colour camera '{camera}'.{did_you_mean(camera, cameras)}")
    height, width = field.shape[:2]
    return View(camera, width, height, crop, size)


def seen(episode: Episode, camera: str, rate: float = 0.0) -> Seen:
    """What a judge saw: step t was judged by the newest picture when it had ended, and no picture twice.

    Args:
        rate: it looks at no more pictures a second [Hz]; 0: at all there are.
    """
    indices = episode.aligned_indices(camera, final=True)[1:]
    first = np.flatnonzero(np.diff(indices, prepend=-1))
    first = first[thinned(episode.steps["stamp"][first], rate)]
    return Seen(first.astype(np.int64), indices[first])


def pictures(episode: Episode, view: View, at: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Pictures (M, S, S, 3) of a view, at indices (M,) of its camera's stream."""
    return view.apply(episode.stream(view.camera).take(at))


def kinds(episode: Episode, config: CollectConfig) -> NDArray[np.int64]:
    """What each step (T,) shows, an index into KINDS; -1 for what is not taken.

    Raises:
        RewardError: an episode said to show hands or an empty scene holds a success.
    """
    held, stamps = config.keys.success(episode, config.latency), episode.steps["stamp"]
    success = episode.steps["success"] if held is None else held
    if episode.number in (*config.hands, *config.empty):
        if success.any():
            raise RewardError(
                f"episode {episode.number} is to show hands or an empty scene, but has a success in step "
                f"{int(success.argmax())}: relabel it, or take it off the list"
            )
        return np.full(len(episode), HANDS if episode.number in config.hands else EMPTY)
    out = around_success(success, stamps, config.before, config.near)
    if success.any():
        return out
    if held is None and (episode.success or not told(episode)):
        out[:] = -1  # a success that no step shows, or nobody has said how it ended: what it shows is not known
    elif episode.success is False:
        out[(stamps[-1] - stamps) * 1e-9 < config.near] = NEAR_MISS
    return out


def told(episode: Episode) -> bool:
    """Somebody has said how an episode ended. One that was cut off with nobody to judge it may show a success."""
    return episode.success is not None and word_of(episode) != "nobody"


def collect(
    dataset: Dataset, view: View, config: CollectConfig, numbers: Iterable[int] | None = None
) -> LabelledFrames:
    """The labelled pictures of a data set's episodes.

    Args:
        numbers: of the episodes; by default all.

    Raises:
        RewardError: no picture is found, or a list names an episode that is not there.
        DatasetError: an episode cannot be read.
    """
    chosen = dataset.numbers if numbers is None else tuple(numbers)
    for number in (*config.hands, *config.empty):
        if number not in chosen:
            raise RewardError(f"episode {number} is to show hands or an empty scene, but is not among those collected")
    parts, labels, episodes, steps, stamps = [], [], [], [], []
    ids: list[str] = []
    unseen: list[int] = []
    untold: list[int] = []
    judged: list[int] = []
    for number in chosen:
        episode = dataset.episode(number)
        found, kind = seen(episode, view.camera), kinds(episode, config)
        taken = kind[found.steps]
        if (kind == SUCCESS).any() and not (taken == SUCCESS).any():
            unseen.append(number)  # its success came after its last picture: what shows little else is no negative
            continue
        if len(kind) and (kind < 0).all() and not told(episode):
            untold.append(number)
        keep = np.flatnonzero(taken >= 0)
        if not len(keep):
            continue
        if number not in config.keys.held and word_of(episode) == "classifier":
            judged.append(number)
        parts.append(pictures(episode, view, found.indices[keep]))
        labels.append(taken[keep])
        episodes.append(np.full(len(keep), len(ids)))
        steps.append(found.steps[keep])
        stamps.append(episode.steps["stamp"][found.steps])
        ids.append(str(episode.attributes["id"]))
    if untold:
        log.warning(
            "%s: of %d of %d episodes nobody has said how they ended, e.g. of %d; they are left out. Say it with "
            "`robot-rl reward relabel`.",
            *(dataset.path, len(untold), len(chosen), untold[0]),
        )
    if judged:
        log.warning(
            "%s: how %d of %d episodes ended was said by a classifier, e.g. of %d: one that learns from them learns "
            "its mistakes too. Look at them; `robot-rl data relabel --success` makes it your word.",
            *(dataset.path, len(judged), len(chosen), judged[0]),
        )
    if unseen:
        log.warning(
            "%s: in %d of %d episodes no picture shows the success that they end in, e.g. in %d; they are left out. "
            "Data that came from elsewhere may lack what was seen after the last action.",
            *(dataset.path, len(unseen), len(chosen), unseen[0]),
        )
    if not ids:
        raise RewardError(f"{dataset.path}: none of {len(chosen)} episodes has a picture to take")
    return LabelledFrames(
        view,
        np.concatenate(parts),
        np.concatenate(labels).astype(np.uint8),
        np.concatenate(episodes).astype(np.int64),
        np.concatenate(steps),
        tuple(ids),
        {"dataset": dataset.path.name, "identity": dataset.identity, "episodes": len(ids)},
        config.before,
        measured_rate(stamps),
    )
