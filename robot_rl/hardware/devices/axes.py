"""From a raw axis to a canonical one: sign, deadband and expo curve, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Source = Literal["axis", "buttons", "triggers"]


@dataclass(frozen=True)
class AxisMap:
    """How one canonical axis is read.

    The raw value u is shaped into sign(u) * ((|u| - deadband) / (1 - deadband)) ** exponent, so the curve starts
    from 0 at the edge of the deadband and reaches 1 at full deflection.
    """

    source: Source
    """`axis`: one raw axis. `buttons`: two raw buttons, plus and minus. `triggers`: two raw axes that rest at +1
    and read -1 when pressed, plus and minus."""
    indices: tuple[int, ...]
    sign: float = 1.0
    deadband: float = 0.0
    exponent: float = 1.0

    def read(self, axes: Sequence[float], buttons: Sequence[int]) -> float:
        """The canonical value in [-1, 1]; NaN if the raw one is not finite."""
        if self.source == "axis":
            raw = axes[self.indices[0]]
        elif self.source == "triggers":
            raw = (axes[self.indices[1]] - axes[self.indices[0]]) / 2
        else:
            raw = float(bool(buttons[self.indices[0]])) - float(bool(buttons[self.indices[1]]))
        return self.shape(self.sign * raw)

    def write(self, value: float, axes: list[float], buttons: list[int]) -> None:
        """Set the raw axes or buttons so that `read` gives `value`; two buttons can only give -1, 0 or 1."""
        raw = self.sign * self.unshape(value)
        if self.source == "axis":
            axes[self.indices[0]] = raw
        elif self.source == "triggers":
            axes[self.indices[0]] = 1.0 - 2.0 * max(raw, 0.0)
            axes[self.indices[1]] = 1.0 - 2.0 * max(-raw, 0.0)
        else:
            buttons[self.indices[0]] = int(raw > 0.5)
            buttons[self.indices[1]] = int(raw < -0.5)

    def shape(self, raw: float) -> float:
        """Deadband and curve; odd, and monotone."""
        if not math.isfinite(raw):
            return math.nan
        size = (min(abs(raw), 1.0) - self.deadband) / (1.0 - self.deadband)
        return math.copysign(size**self.exponent, raw) if size > 0.0 else 0.0

    def unshape(self, value: float) -> float:
        """The inverse of `shape`; 0 comes back as 0, the middle of the deadband."""
        if not math.isfinite(value):
            return math.nan
        if value == 0.0:
            return 0.0
        size = min(abs(value), 1.0) ** (1.0 / self.exponent)
        return math.copysign(self.deadband + (1.0 - self.deadband) * size, value)
