"""The scales of charts: which numbers stand at an axis, how they are written, how much room they take (pure)."""

from __future__ import annotations

import math
from collections.abc import Iterable

LETTER = 7.2
"""Width of one letter of a tick [px], at 12.5 px, generously."""
NAME = 28
"""Room for the name of a vertical axis, turned, and the gaps on both sides of the ticks [px]."""


def tick_room(ticks: Iterable[str], least: float = 0.0) -> float:
    """The margin [px] in which the ticks of a vertical axis and its turned name stand apart; at least `least`."""
    return max(least, NAME + LETTER * max(map(len, ticks), default=0))


def round_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) that enclose [low, high]."""
    if high <= low:
        high = low + 1.0
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5 times powers of ten that enclose [low, high], both positive."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    candidates = [float(f"{m}e{e}") for e in exponents for m in (1, 2, 5)]
    first = max((c for c in candidates if c <= low), default=candidates[0])
    last = min((c for c in candidates if c >= high and c > first), default=candidates[-1])
    chosen = [c for c in candidates if first <= c <= last]
    return chosen if len(chosen) <= 7 else [c for c in chosen if c in (first, last) or f"{c:e}"[0] == "1"]


def short(value: float) -> str:
    """`1.5 k` from a thousand on."""
    return f"{value / 1000:g} k" if value >= 1000 else f"{value:g}"
