"""What is said of an episode afterwards reaches the replay: rewards, success and where it ended, rewritten in place.

The record says it first (`learn.rewards.relabel`, an edit of the data set that can be undone); here a replay that holds
the episode already takes it up, step by step. Steps after the end can not be drawn any more, and can again when a later
edit brings them back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.episode import Episode
from robot_rl.datasets.record import Phase
from robot_rl.learn.online.learner import own_name
from robot_rl.learn.online.replay import FINAL, ONGOING, SUCCESS, TERMINATED, TRUNCATED, UNJUDGED, Replay

Labels = dict[str, Any]
"""What was said of each episode afterwards, by its name in the replay: the attribute `reward_label`."""
SAID = "reward_label"


class Rejudged(NamedTuple):
    """An episode of which something else is said now."""

    was: bool
    """It counted as a success before."""
    now: bool
    ago: int
    """How many episodes have come after it."""


def take_up(replay: Replay, episodes: Iterable[Episode], known: Labels) -> list[Rejudged]:
    """Rewrite those of a session's own episodes of which something else is said now than in `known`, which is brought
    up to date; those that the replay has had are returned."""
    out = []
    for episode in episodes:
        name, said = own_name(episode), episode.attributes.get(SAID)
        if said == known.get(name):
            continue
        if said is None:
            del known[name]
        else:
            known[name] = said
        was = rewrite(replay, name, episode.steps, episode.success)
        if was is not None:
            out.append(Rejudged(was, bool(episode.success), replay.finished - 1 - replay.number(name)))
    return out


def rewrite(replay: Replay, name: str, steps: Mapping[str, NDArray[Any]], success: bool | None) -> bool | None:
    """Give a finished episode these columns (T,): reward, success, terminated, truncated.

    Returns whether it had succeeded before, and None when the replay has never had it. What the ring has overwritten
    stays so.
    """
    if name not in replay:
        return None
    rows, c = _rows(replay, name), replay.columns
    if not len(rows):
        return False
    was = bool(c["outcome"][rows[0]] == SUCCESS)
    length, at = len(steps["reward"]), c["step"][rows]
    drawable = any(row in replay.views["all"] for row in rows.tolist())
    for row, t in zip(rows[:-1].tolist(), at[:-1].tolist()):
        if t < length:
            for column in ("reward", "success"):
                c[column][row] = steps[column][t]
        c["kind"][row] = _kind(c["phase"][row], c["phase"][(row + 1) % replay.capacity], steps, t, length)
        if drawable:  # what was retired stays so
            replay.file(row)
    c["outcome"][rows] = UNJUDGED if success is None else int(success)
    replay.rewritten += 1
    return was


def _kind(phase: int, following: int, steps: Mapping[str, NDArray[Any]], t: int, length: int) -> int:
    """Of the row of step `t`; one that the episode no longer has is an observation alone."""
    if t >= length or phase == Phase.RESET:
        return FINAL
    if steps["terminated"][t]:
        return TERMINATED
    cut = steps["truncated"][t] or t == length - 1 or following == Phase.RESET
    return TRUNCATED if cut else ONGOING


def _rows(replay: Replay, name: str) -> NDArray[np.int64]:
    """The rows of an episode that are still there, oldest first, its last observation included.

    An episode that was dropped may have left rows with the same number behind: only the newest run counts.
    """
    rows = replay.newest(replay.capacity)
    rows = rows[replay.columns["episode"][rows] == replay.number(name)]
    breaks = np.flatnonzero(np.diff(replay.columns["step"][rows]) != 1)
    return rows[breaks[-1] + 1 :] if len(breaks) else rows
