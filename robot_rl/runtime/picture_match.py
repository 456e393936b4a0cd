"""Each state of a robot with the picture of one camera that shows it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


class PictureMatch:
    """States and pictures come apart, each in order, and may be sent again; every state comes out once, with its
    picture or with none.

    Args:
        period: from one picture to the next [ns].
        step: from one state to the next [ns].
        waits: a state waits for the picture that is due with it, as in lockstep; else it has the newest there is.
        oldest: a picture that is older than this [ns] shows nothing of the state; one that was waited for is younger
            than a period.
    """

    def __init__(self, period: int, step: int, *, waits: bool, oldest: int) -> None:
        self._ahead, self._waits = step // 2, waits
        self._oldest = period - self._ahead - 1 if waits else oldest
        self._states: deque[int] = deque()
        self._pictures: deque[tuple[int, NDArray[np.uint8]]] = deque()
        self._asked = self._shown = -1
        """Stamps [ns] up to which states, and from which pictures are of interest."""

    def begin(self, start: int, stood: int) -> None:
        """Only states at `start` [ns] or later are asked for, shown by pictures taken since the robot `stood` [ns]."""
        self.forget(start)
        self._asked, self._shown = start - 1, stood - self._ahead
        while self._pictures and self._pictures[0][0] < self._shown:
            self._pictures.popleft()

    def state(self, stamp: int) -> None:
        """There is a state at `stamp` [ns]."""
        if stamp > self._asked and (not self._states or stamp > self._states[-1]):
            self._states.append(stamp)

    def picture(self, stamp: int, pixels: NDArray[np.uint8]) -> None:
        """A picture (H, W, 3) taken at `stamp` [ns]."""
        if stamp >= self._shown and (not self._pictures or stamp > self._pictures[-1][0]):
            self._pictures.append((stamp, pixels))

    def forget(self, before: int) -> None:
        """Nobody will ask for states before this stamp [ns]; their pictures go with them."""
        while self._states and self._states[0] < before:
            self._states.popleft()
        while len(self._pictures) > 1 and self._pictures[1][0] < before:
            self._pictures.popleft()

    def ready(self) -> Iterator[tuple[int, NDArray[Any] | None]]:
        """Each state [ns] whose picture is known, in order, with that picture; None where nothing shows the state."""
        while self._states and (not self._waits or self._due(self._states[0])):
            stamp = self._asked = self._states.popleft()
            while len(self._pictures) > 1 and self._pictures[1][0] <= stamp + self._ahead:
                self._pictures.popleft()
            yield stamp, self._picture_of(stamp)

    def _due(self, stamp: int) -> bool:
        """The picture that goes with the state is there, or one that is later: then it has been lost."""
        return bool(self._pictures) and stamp - self._pictures[-1][0] <= self._oldest

    def _picture_of(self, stamp: int) -> NDArray[np.uint8] | None:
        if not self._pictures:
            return None
        taken, pixels = self._pictures[0]
        return pixels if -self._ahead <= stamp - taken <= self._oldest else None
