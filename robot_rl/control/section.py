"""Reading a section of `limits` in robot.yaml: what may stand there, and numbers that are numbers.

`where` is what an error begins with, such as "limits of 'twist'".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.spec import SpecError
from robot_rl.workspace import did_you_mean

Array = NDArray[np.float64]


def keys(where: str, section: Any, known: Collection[str], required: Collection[str] = ()) -> None:
    """Check that `section` is a mapping of known keys with all that are required. Raises SpecError, naming the key."""
    if not isinstance(section, Mapping):
        raise SpecError(f"{where}: a mapping was expected, got {section!r}")
    for key in section:
        if key not in known:
            raise SpecError(f"{where}: unknown key '{key}'.{did_you_mean(str(key), known)}")
    for key in required:
        if key not in section:
            raise SpecError(f"{where}: '{key}' is missing")


def numbers(given: Any) -> Array | None:
    """What a file gives as a number or a list of numbers, as an array; None for texts, truth values and the like."""
    each = given if isinstance(given, list | tuple) else [given]
    if any(isinstance(v, bool) or not isinstance(v, int | float) for v in each):
        return None
    try:
        return np.array(given, np.float64)
    except OverflowError:
        return None


def vector(
    where: str, section: Mapping[str, Any], key: str, size: int, *, positive: bool = False, default: float | None = None
) -> Array:
    """`section[key]` as (size,) finite numbers; one number stands for all. Raises SpecError for anything else."""
    if key not in section:
        if default is not None:
            return np.full(size, default)
        raise SpecError(f"{where}: '{key}' is missing")
    values = numbers(section[key])
    if values is None:
        raise SpecError(f"{where}: '{key}' is {section[key]!r}; numbers were expected")
    if values.ndim == 0:
        values = np.full(size, float(values))
    if values.shape != (size,):
        raise SpecError(f"{where}: '{key}' has shape {values.shape}, the field has {size} numbers")
    if not np.isfinite(values).all() or (positive and (values <= 0).any()):
        raise SpecError(f"{where}: '{key}' is {section[key]}; it must be finite{' and above 0' if positive else ''}")
    return values
