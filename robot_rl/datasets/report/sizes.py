"""Sizes of files in words."""

from __future__ import annotations

import numpy as np


def readable_size(count: int) -> str:
    """`count` bytes in the unit that leaves three digits at most before the point, e.g. `1.25 MB`."""
    rounded = float(f"{count:.3g}")
    exponent = min(4, int(np.log10(rounded) // 3)) if count else 0
    return f"{rounded / 1000**exponent:.3g} {('B', 'kB', 'MB', 'GB', 'TB')[exponent]}"
