"""Says which of the sources that ought to speak have fallen silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Silence:
    """A source that has not been heard for longer than it may be."""

    name: str
    age: float
    """[s] since it was last heard, or since the watch began if it never was."""
    timeout: float
    """[s]"""
    ever: bool
    """It was heard at all."""

    def __str__(self) -> str:
        since = f"silent for {self.age:.2f} s" if self.ever else f"never heard in {self.age:.2f} s"
        return f"{self.name}: {since} (allowed: {self.timeout:g} s)"


class Watchdog:
    """Watches named sources.

    Args:
        timeouts: for each source the longest silence allowed [s].
        start: when the watch begins [ns]; a source never heard is silent since then.

    Raises:
        ValueError: a timeout is not a time above 0.
    """

    def __init__(self, timeouts: Mapping[str, float], start: int) -> None:
        for name, timeout in timeouts.items():
            if not 0.0 < timeout < float("inf"):
                raise ValueError(f"timeout of '{name}' is {timeout}; it must be a time above 0 s")
        self._timeouts = dict(timeouts)
        self._start = start
        self._heard: dict[str, int] = {}

    def heard(self, name: str, stamp: int) -> None:
        """The source spoke at `stamp` [ns]; an older stamp than one already known changes nothing.

        Raises:
            KeyError: nobody watches that source.
        """
        if name not in self._timeouts:
            raise KeyError(f"no source '{name}' is watched; there are {', '.join(self._timeouts) or 'none'}")
        self._heard[name] = max(stamp, self._heard.get(name, stamp))

    def silent(self, now: int) -> tuple[Silence, ...]:
        """The sources that are silent at `now` [ns], the longest first."""
        out = []
        for name, timeout in self._timeouts.items():
            last = self._heard.get(name, self._start)
            age = (now - last) * 1e-9
            if age > timeout:
                out.append(Silence(name, age, timeout, name in self._heard))
        return tuple(sorted(out, key=lambda s: -s.age))
