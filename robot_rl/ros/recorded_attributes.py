"""What of the episode manager's events is noted with a recorded episode, as its attributes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

NOT_NOTED = ("event", "stamp", "stood", "episode", "direction", "judge", "alone")
"""Of an episode's begin event, what is no attribute of the record; the judge is one where it is not the robot's task,
see `at_end`."""


def at_begin(event: Mapping[str, Any]) -> dict[str, Any]:
    """Of an episode's begin event."""
    return {**{k: v for k, v in event.items() if k not in NOT_NOTED}, "episode_id": event["episode"]}


def at_end(begin: Mapping[str, Any], end: Mapping[str, Any], missed: Collection[str]) -> dict[str, Any]:
    """Of an episode's begin and end events.

    Args:
        missed: streams that fell silent while it was recorded.
    """
    noted: dict[str, Any] = {"silent": sorted(missed)} if missed else {}
    if (judge := begin.get("judge", "robot")) != "robot":
        noted["judge"] = judge
    if end["marked"]:
        noted["marked"] = True
    if not end.get("judged", True):
        noted["judged"] = False
    return noted
