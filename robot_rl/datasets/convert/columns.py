"""How the numbers of several fields share one column of another format, and are told apart again (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.errors import DatasetError
from robot_rl.spec import Field


def join(fields: Sequence[Field], values: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Vector fields side by side: (T, sum of sizes), of the widest of their floating point types."""
    parts = [np.asarray(values[f.name]) for f in fields]
    return np.concatenate(parts, axis=1, dtype=np.result_type(*parts))


def split(fields: Sequence[Field], column: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """What `join` put side by side, in the fields' own types. Raises DatasetError when the widths do not add up."""
    width = sum(f.size for f in fields)
    if column.ndim != 2 or column.shape[1] != width:
        raise DatasetError(f"{', '.join(f.name for f in fields)} take {width} numbers, the column is {column.shape}")
    out, start = {}, 0
    for f in fields:
        out[f.name] = column[:, start : start + f.size].astype(f.dtype)
        start += f.size
    return out


def labels(fields: Sequence[Field]) -> list[str]:
    """A name for each number of joined fields, e.g. `ee_pose.x`; without the field's name where there is one field."""
    if len(fields) == 1:
        return [lab or fields[0].name for lab in fields[0].labels]
    return [f"{f.name}.{lab}" if lab else f.name for f in fields for lab in f.labels]


def vector_field(name: str, shape: tuple[int, ...], dtype: str, names: Iterable[str] | None = None) -> Field:
    """A field for a foreign column of rows of this shape; a scalar column becomes one of a single number."""
    shape = shape or (1,)
    given = tuple(str(n) for n in names or ())
    fits = len(shape) == 1 and len(given) == shape[0]
    return Field(name, shape, dtype=dtype, labels=given if fits else ())


def as_rows(column: NDArray[Any]) -> NDArray[Any]:
    """A column (T,) as (T, 1); others as they are."""
    return column[:, None] if column.ndim == 1 else column


def field_name(column: str) -> str:
    """A name that may stand for a foreign column among our streams."""
    return column.replace("/", ".").lstrip(".") or "value"
