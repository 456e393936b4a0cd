"""Which outcome belongs to which decision: the first that was judged after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from robot_rl.hardware.robot import Outcome
from robot_rl.runtime.arbiter import Decision


def first_after(outcomes: Mapping[int, Outcome], stamp: int) -> Outcome | None:
    """The outcome with the earliest stamp [ns] after this one; None where there is none yet."""
    later = [s for s in outcomes if s > stamp]
    return outcomes[min(later)] if later else None


def pair_with_outcomes(
    decisions: dict[int, Decision], outcomes: dict[int, Outcome] | None
) -> Iterator[tuple[Decision, Outcome]]:
    """Take out, in order, each decision with the first outcome judged after it.

    Both dictionaries are keyed by stamp and lose what has been paired. Without a judge (`outcomes` is
    None) every decision is paired at once with an empty outcome.
    """
    for stamp in sorted(decisions):
        if outcomes is None:
            yield decisions.pop(stamp), Outcome()
            continue
        outcome = first_after(outcomes, stamp)
        if outcome is None:
            return
        for old in [s for s in outcomes if s <= stamp]:
            del outcomes[old]
        yield decisions.pop(stamp), outcome
