"""The keys of a device that is heard of now and then: which have gone down, and which are held."""

from __future__ import annotations

FRESH = 1.0
"""A device that has not been heard of for so long [s] holds no key."""


class HeardKeys:
    """Times are of a monotonic clock [s]."""

    def __init__(self) -> None:
        self._held: frozenset[str] = frozenset()
        self._heard: float | None = None

    @property
    def known(self) -> bool:
        """The device has been heard of."""
        return self._heard is not None

    def hear(self, held: frozenset[str], now: float) -> list[str]:
        """The keys that are held now. Returns those that have gone down since the last time, in order of name."""
        down, self._held, self._heard = sorted(held - self._held), held, now
        return down

    def holds(self, name: str, now: float) -> bool:
        """Whether this key is held."""
        return name in self._held and not self.silent(now)

    def silent(self, now: float, since: float = -1e9) -> bool:
        """Nothing has been heard for long; at `since` the waiting began."""
        return now - max(since, -1e9 if self._heard is None else self._heard) >= FRESH
