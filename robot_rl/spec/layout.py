"""Fields in order, by name or as one flat vector of numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robot_rl.spec.field import Field, SpecError


class Layout(Mapping[str, Field]):
    """An ordered set of fields and how their numbers lie in one flat vector.

    Only one-dimensional fields take part in packing; images are carried by name.
    """

    def __init__(self, fields: Mapping[str, Field] | tuple[Field, ...] = ()) -> None:
        items = fields.values() if isinstance(fields, Mapping) else fields
        self._fields = {f.name: f for f in items}

    def __getitem__(self, name: str) -> Field:
        if name not in self._fields:
            raise KeyError(f"no field '{name}'; there are {', '.join(self._fields) or 'none'}")
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layout) and list(self.items()) == list(other.items())

    def __repr__(self) -> str:
        return f"Layout({', '.join(f'{f.name}{list(f.shape)}' for f in self._fields.values())})"

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def vectors(self) -> tuple[Field, ...]:
        """The fields that take part in the flat vector, in order."""
        return tuple(f for f in self._fields.values() if len(f.shape) == 1)

    @cached_property
    def images(self) -> tuple[Field, ...]:
        return tuple(f for f in self._fields.values() if f.is_image)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each vector field lies in the flat vector."""
        out, start = {}, 0
        for f in self.vectors:
            out[f.name] = slice(start, start + f.size)
            start += f.size
        return out

    @cached_property
    def size(self) -> int:
        """Length of the flat vector."""
        return sum(f.size for f in self.vectors)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """One name for each number of the flat vector, e.g. `twist.vx`."""
        return tuple(f"{f.name}.{lab}" if lab else f.name for f in self.vectors for lab in f.labels)

    @cached_property
    def low(self) -> NDArray[np.float64]:  # (size,)
        return np.concatenate([np.array(f.low or [-np.inf] * f.size, dtype=np.float64) for f in self.vectors])

    @cached_property
    def high(self) -> NDArray[np.float64]:  # (size,)
        return np.concatenate([np.array(f.high or [np.inf] * f.size, dtype=np.float64) for f in self.vectors])

    def pack(self, values: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
        """Named values to one flat float64 vector (size,). Raises SpecError on a missing name or a wrong shape."""
        missing = [f.name for f in self.vectors if f.name not in values]
        if missing:
            raise SpecError(f"field '{missing[0]}' is missing; got {', '.join(values) or 'nothing'}")
        return np.concatenate([f.check(values[f.name]).astype(np.float64, copy=False) for f in self.vectors])

    def unpack(self, flat: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """A flat vector (..., size) to named values (..., n), as views."""
        if flat.shape[-1] != self.size:
            raise SpecError(f"got {flat.shape[-1]} numbers, the layout {self!r} has {self.size}")
        return {name: flat[..., s] for name, s in self.slices.items()}

    def to_dict(self) -> dict[str, Any]:
        return {name: f.to_dict() for name, f in self._fields.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Mapping[str, Any]]) -> Layout:
        return cls(tuple(Field.from_dict(name, d) for name, d in data.items()))
