"""What a held key says of each state of an episode, moved back by the time that the person takes to press it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator


class KeyVerdicts:
    """Pairs states with the key as it was held `latency` later; each verdict waits for that moment.

    Args:
        latency: from what the person sees to the key going down or up [s].
        fresh: what was heard of the key holds for so long [s].
    """

    def __init__(self, latency: float, fresh: float = 0.25) -> None:
        self._latency, self._fresh = round(latency * 1e9), round(fresh * 1e9)
        self._states: deque[int] = deque()
        self._keys: deque[tuple[int, bool]] = deque()
        self._newest = -1

    def begin(self, start: int) -> None:
        """A new episode, of states at `start` [ns] or later."""
        self._states.clear()
        self._keys.clear()
        self._newest = start - 1

    def state(self, stamp: int) -> None:
        """There is a state at `stamp` [ns]; one may be told several times."""
        if stamp > self._newest:
            self._states.append(stamp)
            self._newest = stamp

    def key(self, stamp: int, held: bool) -> None:
        """The key at `stamp` [ns]; what comes out of order is left out."""
        if not self._keys or stamp > self._keys[-1][0]:
            self._keys.append((stamp, held))

    def silent(self) -> None:
        """The device is not heard of: as far as the states that are known reach, the key counts as let go."""
        if self._states:
            self.key(self._states[-1] + self._latency, False)

    def ready(self) -> Iterator[tuple[int, bool]]:
        """Each state [ns] whose verdict is known, in order, once, and whether it is a success."""
        while self._states and self._keys and self._keys[-1][0] >= self._states[0] + self._latency:
            stamp = self._states.popleft()
            while len(self._keys) > 1 and self._keys[1][0] <= stamp + self._latency:
                self._keys.popleft()
            at, held = self._keys[0]
            yield stamp, held and 0 <= stamp + self._latency - at <= self._fresh
