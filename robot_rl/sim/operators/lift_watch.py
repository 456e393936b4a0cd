"""How a scripted person tells, from what they see, that a policy will not lift the cube."""

from __future__ import annotations

import math
from dataclasses import dataclass

from robot_rl.sim.operators.lift_view import EMPTY, View


@dataclass(frozen=True)
class Attention:
    """What counts as looming failure."""

    patience: float = 1.5
    """How long without progress [s]."""
    progress: float = 0.01
    """What counts as progress: this much nearer to the cube, or higher with it [m]."""
    empty: float = 0.3
    """How long the gripper may be closed on nothing [s]."""
    beside: float = 0.03
    """Lower than the cube's top and this far beside its axis, the gripper will knock it [m]."""
    top: float = 0.025
    """What counts as lower than the cube's top: less than this over its centre [m]."""
    pushed: float = 0.04
    """How far the cube may be shifted along the table [m]."""
    dropped: float = 0.02
    """How far a lifted cube may sink again [m]."""


class Watch:
    """Follows one episode; `worry` is called once every `period` [s]."""

    def __init__(self, attention: Attention, period: float) -> None:
        self._attention, self._period = attention, period
        self._start: View | None = None
        self._nearest = math.inf
        self._highest = -math.inf
        self._since = 0.0
        self._empty = 0.0

    def worry(self, view: View) -> str:
        """The reason why this goes wrong, or nothing while all is well."""
        if self._start is None:
            self._start = view
            self._highest = float(view.object[2])
        lifted = self._highest - float(self._start.object[2])
        self._follow(view)
        rules = self._attention
        if lifted > rules.dropped and view.object[2] < self._highest - rules.dropped and not view.held:
            return "dropped"
        if self._empty > rules.empty:
            return "closed on nothing"
        if not view.held and math.dist(view.object[:2], self._start.object[:2]) > rules.pushed:
            return "pushed"
        if view.above < rules.top and view.beside > rules.beside:
            return "beside"
        if self._since > rules.patience:
            return "stuck"
        return ""

    def _follow(self, view: View) -> None:
        """Keep track of progress: coming nearer first, then going up with the cube."""
        nearer = view.apart < self._nearest - self._attention.progress
        higher = view.object[2] > self._highest + self._attention.progress
        self._since = 0.0 if nearer or higher else self._since + self._period
        if nearer:
            self._nearest = view.apart
        if higher:
            self._highest = float(view.object[2])
        self._empty = self._empty + self._period if view.opening < EMPTY else 0.0
