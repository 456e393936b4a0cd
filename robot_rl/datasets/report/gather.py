"""Reading what the report shows of a data set: one pass over its numbers, a few pictures of each episode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.check.findings import CheckReport
from robot_rl.datasets.check.run import check
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.kinds import step_kinds
from robot_rl.datasets.record import Source
from robot_rl.datasets.report.summary import Summary, summarise
from robot_rl.datasets.report.units import units
from robot_rl.datasets.verdicts import Verdict, recorded
from robot_rl.page.pictures import jpeg_uri

STILLS = (0.0, 0.5, 1.0)
"""Which pictures of an episode are shown: first, middle, last."""
HEIGHT = 96
"""Of a still [pixels]."""


@dataclass(frozen=True)
class Card:
    """One episode at a glance."""

    number: int
    seconds: float
    steps: int
    verdict: Verdict
    operator: str
    instruction: str
    purpose: str
    kinds: tuple[str, ...]
    """Of each step, from `kinds.KINDS`."""
    stills: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Camera to the data URIs of its first, middle and last picture."""


@dataclass(frozen=True)
class Contents:
    """Everything the report shows."""

    name: str
    summary: Summary
    checked: CheckReport
    cards: tuple[Card, ...]
    unreadable: tuple[int, ...]
    """Numbers of episodes that could not be read."""
    positions: dict[str, NDArray[np.float64]]
    """Pose field to its positions at every step (N, 3) [m]."""
    frames: dict[str, str]
    """Pose field to the frame its positions are expressed in."""
    actions: dict[Source, NDArray[np.float64]]
    """Who acted to the executed actions (N, A)."""
    labels: tuple[str, ...]
    """Names of the A numbers of an action."""
    units: tuple[str, ...]
    """Their units; empty for what has none."""
    bounds: tuple[NDArray[np.float64], NDArray[np.float64]]
    """Lowest and highest action allowed (A,)."""
    attributes: dict[str, Any]


def gather(dataset: Dataset, *, pictures: int) -> Contents:
    """Read a data set for its report.

    Args:
        pictures: of at most how many episodes to show pictures, spread evenly over the data set.
    """
    poses = [f for f in dataset.spec.observation.vectors if f.kind == "pose"]
    positions: dict[str, list[NDArray[np.float64]]] = {f.name: [] for f in poses}
    actions: dict[Source, list[NDArray[np.float64]]] = {source: [] for source in Source}
    cards, unreadable = [], []
    shown = {
        dataset.numbers[i] for i in np.linspace(0, len(dataset) - 1, min(pictures, len(dataset))).round().astype(int)
    }
    for number in dataset.numbers:
        episode = dataset.episode(number)
        try:
            card = _card(episode, dataset, pictures=number in shown)
            executed, source = episode.steps["executed"], episode.steps["source"]
            known = [f.name for f in poses if episode.attributes["samples"].get(f.name)]
            seen = episode.aligned(known)
        except (DatasetError, OSError):
            unreadable.append(number)
            continue
        cards.append(card)
        for name, values in seen.items():
            positions[name].append(values[:, :3])
        for who in Source:
            actions[who].append(executed[source == who])
    return Contents(
        name=dataset.path.name,
        summary=summarise(dataset, skip=unreadable),
        checked=check(dataset),
        cards=tuple(cards),
        unreadable=tuple(unreadable),
        positions={n: np.concatenate(p) for n, p in positions.items() if p},
        frames={f.name: f.frame for f in poses},
        actions={who: np.concatenate(a) for who, a in actions.items() if sum(map(len, a))},
        labels=dataset.spec.action.labels,
        units=tuple(unit for f in dataset.spec.action.vectors for unit in units(f)),
        bounds=(dataset.spec.action.low, dataset.spec.action.high),
        attributes=dataset.attributes,
    )


def _card(episode: Episode, dataset: Dataset, *, pictures: bool) -> Card:
    a = episode.attributes
    colour = [n for n in dataset.cameras if a["samples"].get(n)] if pictures else []
    return Card(
        number=episode.number,
        seconds=(episode.end - int(episode.steps["stamp"][0])) * 1e-9,
        steps=len(episode),
        verdict=recorded(episode.success, a),
        operator=str(a.get("operator") or "unknown"),
        instruction=str(a.get("instruction") or ""),
        purpose=episode.purpose,
        kinds=step_kinds(episode),
        stills={name: _stills(episode, name) for name in colour},
    )


def _stills(episode: Episode, camera: str) -> tuple[str, ...]:
    frames = episode.stream(camera).values
    indices = np.array([round(share * (len(frames) - 1)) for share in STILLS])
    return tuple(jpeg_uri(shrunk(frame)) for frame in frames.take(indices))


def shrunk(picture: NDArray[np.uint8], height: int = HEIGHT) -> NDArray[np.uint8]:
    """A picture (H, W, 3) made smaller by a whole factor, averaging its pixels, to at least `height` rows if it has."""
    factor = max(1, picture.shape[0] // height)
    rows, columns = picture.shape[0] // factor, picture.shape[1] // factor
    blocks = picture[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor, -1)
    return blocks.mean(axis=(1, 3)).round().astype(np.uint8)
