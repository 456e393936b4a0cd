"""Who holds control: when a human takes over from a policy and when they hand back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TakeoverRules:
    """Times [s] that keep a bouncing contact or a slip of the finger from handing control to and fro."""

    engage: float = 0.0
    """The clutch must be held this long before the human is in control."""
    release: float = 0.3
    """It must be released this long before the policy is; the robot holds still meanwhile."""
    minimum: float = 0.5
    """Once in control, the human stays so for at least this long."""


class Takeover:
    """The state of control. Only the clutch counts: a device that is held but idle is a wish to hold still,
    and a device that falls silent hands nothing back; the arbiter says whether a policy may go on without it."""

    def __init__(self, rules: TakeoverRules | None = None) -> None:
        self.rules = rules or TakeoverRules()
        self.reset()

    def reset(self, *, hands_back: bool = True) -> None:
        """Nobody has taken over.

        Args:
            hands_back: the policy gets control back; False: nobody acts once the human lets go, until the next reset.
        """
        self._hands_back = hands_back
        self.in_control = False
        """The human is in control."""
        self.over = False
        """The human has let go, and the policy does not get control back."""
        self._since = 0
        self._changing: int | None = None

    def update(self, now: int, engaged: bool | None) -> bool:
        """Whether the human is in control at `now` [ns].

        Args:
            engaged: the clutch is held; None when the device has fallen silent, which changes nothing.
        """
        if engaged is None or engaged == self.in_control:
            self._changing = None
            return self.in_control
        if self._changing is None or now < self._changing:
            self._changing = now
        waited = (now - self._changing) * 1e-9
        if engaged and waited >= self.rules.engage:
            self.in_control, self._since, self._changing = True, now, None
        elif not engaged and waited >= self.rules.release and (now - self._since) * 1e-9 >= self.rules.minimum:
            self.in_control, self._changing, self.over = False, None, not self._hands_back
        return self.in_control


class Pickup:
    """Bumpless transfer of set-points: they follow the human only from where the robot stands.

    A velocity may change hands at any value, since the safety envelope ramps it. A set-point may not: a
    gripper that the policy has closed on an object must stay closed when the human takes over with a
    gripper button they have not touched. So each set-point keeps its last command until the human's own
    number has moved since they took over, or they press one of `buttons`.

    Args:
        setpoints: (A,) which numbers of the action are set-points.
    """

    buttons = frozenset({"open", "close"})

    def __init__(self, setpoints: NDArray[np.bool_]) -> None:
        self._setpoints = setpoints
        self.release()

    def release(self) -> None:
        """The human has let go: the next call of `apply` is a new take-over."""
        self._start: Array | None = None
        self._kept = np.zeros_like(self._setpoints)

    def apply(self, asked: Array, last: Array, pressed: frozenset[str]) -> Array:
        """What the human's action (A,) means, given the command sent last (A,)."""
        if self._start is None:
            self._start = asked.copy()
            self._kept = self._setpoints.copy()
        self._kept &= asked == self._start
        if pressed & self.buttons:
            self._kept[:] = False
        return np.where(self._kept, last, asked)
