"""How the episodes of a sitting or data set went, in a line for each purpose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from robot_rl.page.proportion import wilson

Verdict = Literal["success", "failure", "unjudged", "discarded"]
UNJUDGED: Verdict = "unjudged"


def recorded(success: bool | None, attributes: Mapping[str, Any]) -> Verdict:
    """The outcome of an episode of a data set.

    Args:
        success: its label.
        attributes: its own; `judged` is there, and false, where nobody judged it while it ran.
    """
    said_later = bool(attributes.get("marked")) or "reward_label" in attributes
    if success is None or not (success or attributes.get("judged", True) or said_later):
        return UNJUDGED
    return "success" if success else "failure"


def told(episodes: Iterable[tuple[str, Verdict]]) -> list[str]:
    """A line for each purpose, in the order in which they come: how many episodes, and the success rate of those
    that were judged with its 95 % interval (Wilson). Those that nobody judged are counted apart, and what the rate
    would be were they failures.

    Args:
        episodes: the purpose and the outcome of each.
    """
    counts: dict[str, Counter[Verdict]] = {}
    for purpose, outcome in episodes:
        counts.setdefault(purpose, Counter())[outcome] += 1
    return [_line(purpose, count) for purpose, count in counts.items()]


def _line(purpose: str, count: Counter[Verdict]) -> str:
    won, judged, unjudged = count["success"], count["success"] + count["failure"], count[UNJUDGED]
    kept = judged + unjudged
    parts = []
    if judged:
        parts.append(f"{wilson(won, judged)} {'of the judged ' if unjudged else ''}succeeded")
    if unjudged and judged:
        parts.append(f"{unjudged} nobody judged; were those failures, {wilson(won, kept)}")
    elif unjudged:
        parts.append("nobody judged any")
    if count["discarded"]:
        parts.append(f"{count['discarded']} discarded")
    return f"{kept} {purpose} episode{'' if kept == 1 else 's'}: {', '.join(parts)}"
