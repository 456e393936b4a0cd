"""How a scripted person tells, from what they see, that a policy will not pick it up or put it down."""

from __future__ import annotations

import math
from dataclasses import dataclass

from robot_rl.sim.operators.pick_view import View


@dataclass(frozen=True)
class Attention:
    """What counts as looming failure."""

    patience: float = 1.5
    """How long without progress [s]."""
    progress: float = 0.01
    """What counts as progress: this much nearer to the object, higher with it, or nearer to its place [m]."""
    turned: float = 0.1
    """What counts as progress too: the object is this much nearer to the heading of its place [rad]."""
    empty: float = 0.3
    """How long the gripper may be closed on nothing [s]."""
    beside: float = 0.03
    """Lower than the object's top and this far beside the point of the grip, the gripper will knock it [m]."""
    pushed: float = 0.04
    """How far the object may be shifted along the table [m]."""
    dropped: float = 0.02
    """How far a lifted object may sink again [m]."""
    placed: float = 0.03
    """An object let go this near to its place, seen from above, is left to fall into it [m]."""


class Watch:
    """Follows one episode; `worry` is called once every `period` [s].

    Args:
        top: how far the object reaches up over the point of the grip [m].
        places: the object has a place to go to; if not, lifting it is all.
    """

    def __init__(self, attention: Attention, period: float, top: float, places: bool) -> None:
        self._attention, self._period, self._top, self._places = attention, period, top, places
        self._start: View | None = None
        self._nearest = math.inf
        self._highest = -math.inf
        self._astray = self._twist = math.inf
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
        settling = self._places and not view.held and view.astray < rules.placed
        if not settling and (mishap := self._mishap(view, lifted)):
            return mishap
        return "stuck" if self._since > rules.patience else ""

    def _mishap(self, view: View, lifted: float) -> str:
        rules, start = self._attention, self._start or view
        if lifted > rules.dropped and view.object[2] < self._highest - rules.dropped and not view.held:
            return "dropped"
        if self._empty > rules.empty:
            return "closed on nothing"
        if not view.held and math.dist(view.object[:2], start.object[:2]) > rules.pushed:
            return "pushed"
        if view.above < self._top and view.beside > rules.beside:
            return "beside"
        return ""

    def _follow(self, view: View) -> None:
        """Keep track of progress: coming nearer first, then going up with the object, then to its place."""
        rules = self._attention
        nearer = view.apart < self._nearest - rules.progress
        higher = view.object[2] > self._highest + rules.progress
        distance = math.hypot(*view.offset)
        closer = self._places and view.held and distance < self._astray - rules.progress
        turned = self._places and view.held and abs(view.twist) < self._twist - rules.turned
        self._since = 0.0 if nearer or higher or closer or turned else self._since + self._period
        if nearer:
            self._nearest = view.apart
        if higher:
            self._highest = float(view.object[2])
        if closer:
            self._astray = distance
        if turned:
            self._twist = abs(view.twist)
        self._empty = self._empty + self._period if view.empty else 0.0
