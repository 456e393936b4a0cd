"""Verdicts on episodes: what counts of how each ended, and how those of a sitting or data set went, purpose by purpose.

An episode that was cut off before anybody said how it went has the result `failure` for want of a word; its verdict is
`unjudged`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from robot_rl.page.proportion import wilson

Verdict = Literal["success", "failure", "unjudged", "discarded"]
UNJUDGED: Verdict = "unjudged"


def verdict(result: Literal["success", "failure", "discarded"], *, judged: bool) -> Verdict:
    """What counts of an episode.

    Args:
        judged: anybody said how it ended.
    """
    return UNJUDGED if result == "failure" and not judged else result


def recorded(success: bool | None, attributes: Mapping[str, Any]) -> Verdict:
    """The verdict on an episode of a data set. A person who says that it was cut off while the task could have gone on,
    as by `undo`, takes back what people said of it: what else judged it counts.

    Args:
        success: its label.
        attributes: its own; `judged` is there, and false, where nothing but a person's word says how it ended.
    """
    if success is None:
        return UNJUDGED
    label = attributes.get("reward_label") or {}
    taken_back = (label.get("result"), label.get("by")) == ("timeout", "human")
    said = bool(attributes.get("marked") or label) and not taken_back
    return verdict("success" if success else "failure", judged=said or attributes.get("judged", True))


def told(episodes: Iterable[tuple[str, Verdict]]) -> list[str]:
    """A line for each purpose, in the order in which they come: how many episodes, and the success rate of those
    that were judged with its 95 % interval (Wilson). Those that nobody judged are counted apart, and what the rate
    would be were they failures.

    Args:
        episodes: the purpose of each and the verdict on it.
    """
    counts: dict[str, Counter[Verdict]] = {}
    for purpose, said in episodes:
        counts.setdefault(purpose, Counter())[said] += 1
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
