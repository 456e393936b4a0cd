"""What can be drawn from a replay: sets of its rows by who acted and how, without a copy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.record import Phase, Source
from robot_rl.learn.online.index_set import IndexSet
from robot_rl.learn.online.ring import NothingToDrawError

VIEWS = ("all", "demonstrations", "online", "decisions")
"""What can be drawn from. `demonstrations`: what a human did, interventions included; `online`: every step of
deployments, interventions included (HIL-SERL stores these in both buffers); `decisions`: steps in which the agent
was asked, and carried out what it answered."""


def views_of(phase: int, source: int, *, asked: bool) -> tuple[str, ...]:
    """The views that a complete step belongs to.

    Args:
        asked: the agent was asked in it, and its answer carried out.
    """
    out = ["all"]
    if phase == Phase.DEMONSTRATION or source == Source.HUMAN:
        out.append("demonstrations")
    if phase != Phase.DEMONSTRATION:
        out.append("online")
    return (*out, "decisions") if asked else tuple(out)


def draw(
    views: Mapping[str, IndexSet], rng: np.random.Generator, batch: int, shares: Mapping[str, float]
) -> NDArray[np.int64]:
    """Rows (batch,): of each view its share, exact up to rounding; an empty view's share goes to the others.

    Raises:
        NothingToDrawError: none of the views has a transition.
    """
    present = {name: share for name, share in shares.items() if len(views[name]) and share > 0}
    if not present:
        raise NothingToDrawError(f"nothing to draw: there is no transition in {', '.join(shares)}")
    cuts = np.round(batch * np.cumsum(list(present.values())) / sum(present.values())).astype(int)
    counts = np.diff(cuts, prepend=0)
    return np.concatenate([views[n].draw(rng, int(c)) for n, c in zip(present, counts, strict=True)])
