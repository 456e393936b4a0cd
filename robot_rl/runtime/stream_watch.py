"""The streams beside the steps: which have been heard, which belong to the episode, which have fallen silent."""

from __future__ import annotations

from collections.abc import Mapping

from robot_rl.datasets.store.streams import camera_fields
from robot_rl.hardware.config import CameraConfig
from robot_rl.spec import Spec

SILENCE = 1.0
"""A stream of which nothing has come for so long [s] in an episode, and for three of a camera's periods, is missed."""


class StreamWatch:
    """Of the robot's vector fields and the cameras' colour and depth, by name. Every stamp is in ns.

    Args:
        lockstep: each stream waits for the steps; otherwise it runs free, and owes the first step the sample before.
    """

    def __init__(self, spec: Spec, cameras: Mapping[str, CameraConfig], *, lockstep: bool) -> None:
        vectors = {f.name: f.rate or spec.rate for f in spec.observation.vectors}
        pictures = {f.name: c.fps for c in cameras.values() for f in camera_fields(c)}
        rates = vectors | pictures
        self.names = frozenset(rates)
        self._lockstep = lockstep
        # In lockstep the sample before is of the last episode.
        self._before = {} if lockstep else {n: round(1.5e9 / rate) for n, rate in rates.items()}
        # A camera slower than the control loop need not have seen the last step.
        self._slack = {n: max(0, round(1e9 / rate) - spec.period_ns) for n, rate in pictures.items()}
        self._patience = dict.fromkeys(vectors, SILENCE) | {n: max(SILENCE, 3.0 / r) for n, r in pictures.items()}
        self._between: dict[str, int] = {}
        """Stamp of the newest sample of each stream that came between episodes."""
        self._last: dict[str, int] = {}
        """Stamp of the newest sample of each stream in the episode."""
        self._start, self._end = 0, -1
        self.missed: set[str] = set()
        """What has fallen silent in the episode."""

    @property
    def heard(self) -> int:
        """How many streams have been heard in the episode."""
        return len(self._last)

    @property
    def earliest(self) -> int:
        """Nothing before this stamp belongs to the episode."""
        return self._start - max(self._before.values(), default=0)

    def idle(self, name: str, stamp: int) -> None:
        """A sample between episodes."""
        self._between[name] = stamp

    def waiting_for(self, start: int) -> list[str]:
        """The streams of which nothing has come since the robot stands at its start, which was at `start`."""
        return sorted(n for n in self.names if self._between.get(n, -1) < start - self._before.get(n, 0))

    def begin(self, start: int) -> None:
        """An episode begins."""
        self._start, self._end = start, -1
        self._last.clear()
        self.missed.clear()

    def end(self, stamp: int) -> None:
        """Its last step began at this stamp."""
        self._end = stamp

    def take(self, name: str, stamp: int) -> bool:
        """Whether a sample belongs to the episode: from the start state to the final one, each once and in order."""
        last = self._last.get(name, -1)
        over = 0 <= self._end < last
        if over or stamp <= last or stamp < self._start - self._before.get(name, 0):
            return False
        self._last[name] = stamp
        return True

    @property
    def complete(self) -> bool:
        """Every stream holds a sample after the last step began."""
        return self._end >= 0 and not self.late

    @property
    def late(self) -> list[str]:
        """The streams whose last samples have not come."""
        return sorted(n for n in self.names if self._last.get(n, -1) <= self._end - self._slack.get(n, 0))

    def silent(self, now: int) -> list[str]:
        """The streams that have fallen silent in an episode that is not over. In lockstep the robot waits for all."""
        if self._lockstep:
            return []
        ages = {n: (now - max(self._start, self._last.get(n, 0))) * 1e-9 for n in self.names}
        silent = sorted(n for n, age in ages.items() if age > self._patience[n])
        self.missed.update(silent)
        return silent
