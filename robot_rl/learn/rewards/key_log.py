"""Keys pressed while episodes were watched, from a file of JSON lines: marks with undo, and a held success key.

{"episode": 7, "key": "success", "at": 5.8}     a mark, so long after the first step began [s]
{"episode": 7, "key": "undo", "at": 6.4}        takes back the newest mark that stands
{"episode": 8, "held": [3.1, 5.0]}              the key was down from, to [s]: every picture then is a success
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.episode import Episode
from robot_rl.learn.rewards.relabel import Label
from robot_rl.rewards.errors import RewardError
from robot_rl.rewards.keys import LATENCY, Key, held_labels, resolve

_NAMES = ("success", "failure", "undo")


@dataclass(frozen=True)
class KeyLog:
    """What was pressed, by number of the episode; times [s] since its first step began."""

    marks: dict[int, list[tuple[float, str]]] = field(default_factory=dict)
    held: dict[int, list[tuple[float, float]]] = field(default_factory=dict)

    def label(self, episode: Episode, latency: float = LATENCY) -> Label | None:
        """How the marks say that an episode ended; None where all were taken back or there is none."""
        stamps = episode.steps["stamp"]
        keys = [Key(_stamp(stamps, at), name) for at, name in self.marks.get(episode.number, ())]  # type: ignore[arg-type]
        mark = resolve(keys, stamps, latency)
        return None if mark is None else Label(mark.result, mark.step)

    def success(self, episode: Episode, latency: float = LATENCY) -> NDArray[np.bool_] | None:
        """Whether each step (T,) led to a state seen with the key held; None where it never was."""
        if episode.number not in self.held:
            return None
        stamps = episode.steps["stamp"]
        spans = [(_stamp(stamps, a), _stamp(stamps, b)) for a, b in self.held[episode.number]]
        return held_labels(spans, np.append(stamps[1:], episode.end), latency)


def read(path: Path) -> KeyLog:
    """Read a log. Raises RewardError that names the line."""
    log = KeyLog()
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RewardError(f"{path} cannot be read: {error}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            _take(log, json.loads(line))
        except (KeyError, TypeError, ValueError) as error:
            raise RewardError(
                f'{path}, line {number}: {line.strip()!r} is no key ({error}); write {{"episode": 7, "key": "success", '
                '"at": 5.8} or {"episode": 7, "held": [3.1, 5.0]}'
            ) from None
    return log


def _take(log: KeyLog, entry: Any) -> None:
    episode = int(entry["episode"])
    if "held" in entry:
        down, up = (float(t) for t in entry["held"])
        if not 0.0 <= down <= up < np.inf:
            raise ValueError(f"held from {down} to {up} s")
        log.held.setdefault(episode, []).append((down, up))
        return
    if entry["key"] not in _NAMES or not 0.0 <= float(entry["at"]) < np.inf:
        raise ValueError(f"key '{entry['key']}' at {entry['at']} s; keys are {', '.join(_NAMES)}")
    log.marks.setdefault(episode, []).append((float(entry["at"]), entry["key"]))


def _stamp(stamps: NDArray[np.int64], seconds: float) -> int:
    return int(stamps[0]) + round(seconds * 1e9)
