"""Each state of a robot with the picture of one camera that shows it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


class PictureMatch:
    """States and pictures come apart, each in order; every state comes out once, with its picture or with none.

    Args:
        period: from one picture to the next [ns].
        step: from one state to the next [ns].
        waits: a state waits for the picture that is due with it, as in lockstep; else it has the newest there is.
        oldest: a picture that is older than this [ns] shows nothing of the state; it is not asked of one waited for.
    """

    def __init__(self, period: int, step: int, *, waits: bool, oldest: int) -> None:
        self._period, self._ahead, self._waits, self._oldest = period, step // 2, waits, oldest
        self._states: deque[int] = deque()
        self._pictures: deque[tuple[int, NDArray[np.uint8]]] = deque()

    def state(self, stamp: int) -> None:
        """There is a state at `stamp` [ns]; one may be told several times."""
        if not self._states or stamp > self._states[-1]:
            self._states.append(stamp)

    def picture(self, stamp: int, pixels: NDArray[np.uint8]) -> None:
        """A picture (H, W, 3) taken at `stamp` [ns]."""
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
            stamp = self._states.popleft()
            while len(self._pictures) > 1 and self._pictures[1][0] <= stamp + self._ahead:
                self._pictures.popleft()
            yield stamp, self._shown(stamp)

    def _due(self, stamp: int) -> bool:
        """The picture that goes with the state is there."""
        return bool(self._pictures) and self._pictures[-1][0] > stamp + self._ahead - self._period

    def _shown(self, stamp: int) -> NDArray[np.uint8] | None:
        if not self._pictures or self._pictures[0][0] > stamp + self._ahead:
            return None
        taken, pixels = self._pictures[0]
        return pixels if self._waits or stamp - taken <= self._oldest else None
