"""Messages from before an episode was declared begun, since topics may overtake each other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

SPAN = 1_000_000_000
"""Messages older than this [ns] may be forgotten: pictures are large, and idling may last for hours."""
MOST = 1000
"""So many messages are kept."""


class Backlog:
    """The start state is published before the episode is declared begun: what came early is replayed then."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, Callable[[], None]]] = deque(maxlen=MOST)

    def keep(self, stamp: int, replay: Callable[[], None], *, forget: bool) -> None:
        """Remember a message of this stamp [ns].

        Args:
            forget: what is older than `SPAN` is let go; without it, time stands still between episodes.
        """
        self._kept.append((stamp, replay))
        while forget and self._kept[0][0] < stamp - SPAN:
            self._kept.popleft()

    def replay(self, since: int) -> None:
        """An episode has begun: what has a stamp of `since` [ns] or later is taken now, the rest is forgotten."""
        kept = list(self._kept)
        self._kept.clear()
        for stamp, replay in kept:
            if stamp >= since:
                replay()
