"""Scaling to the range networks work in, and back: one Normalizer a field, stored with the checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Normalization = Literal["range", "mean_std", "quantile", "none"]

MIN_SPREAD = 1e-3
"""A dimension whose range or deviation is smaller (in its own unit) counts as constant: it is centred and
not scaled, so that sensor noise is not blown up to the size of a signal."""
RARE = 0.05
"""A dimension whose middle 98 % span less than this share of its range holds rare events (a gripper that closes once
in a hundred steps): by quantiles these would become huge, so an action is then scaled by its range. An observation is
not: it may as well be a spike of a sensor, and is clipped where it is read."""


@dataclass(frozen=True)
class Statistics:
    """What one field's numbers look like over a data set, per dimension (D,), in physical units."""

    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    q01: NDArray[np.float64] | None = None
    """1 % quantile; None in checkpoints from before there were any."""
    q99: NDArray[np.float64] | None = None
    """99 % quantile."""

    @classmethod
    def of(cls, values: NDArray[Any]) -> Statistics:
        """The statistics of `values` (N, D). Raises ValueError on no rows or non-finite numbers."""
        v = np.asarray(values, dtype=np.float64)
        if v.ndim != 2 or len(v) == 0:
            raise ValueError(f"statistics need at least one row (N, D), got shape {v.shape}")
        if not np.isfinite(v).all():
            raise ValueError(
                f"statistics of non-finite numbers: first in row {int(np.argwhere(~np.isfinite(v))[0, 0])}"
            )
        return cls(v.min(0), v.max(0), v.mean(0), v.std(0), *np.quantile(v, [0.01, 0.99], axis=0))

    def first(self, n: int) -> Statistics:
        """Of the first n dimensions."""
        return Statistics(**{k: v[:n] for k, v in self._known().items()})

    def to_dict(self) -> dict[str, list[float]]:
        """A JSON-ready form; `from_dict` reads it back exactly."""
        return {k: [float(x) for x in v] for k, v in self._known().items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Statistics:
        names = [f.name for f in dataclasses.fields(cls)]
        return cls(**{k: np.array(data[k], dtype=np.float64) for k in names if k in data})

    def _known(self) -> dict[str, NDArray[np.float64]]:
        return {f.name: v for f in dataclasses.fields(self) if (v := getattr(self, f.name)) is not None}


def affine(
    statistics: Statistics, mode: Normalization, constant: float = 1.0, *, rare_by_range: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Offset and scale (D,) such that (x - offset) / scale is normalised.

    `range` maps [minimum, maximum] to [-1, 1]; `quantile` maps the 1 % and 99 % quantiles there, so that outliers do
    not squeeze the rest; `mean_std` gives zero mean and unit deviation; `none`
    is the identity. Dimensions that hardly vary (MIN_SPREAD) get scale `constant`.

    Args:
        rare_by_range: quantiles leave out what must not be lost, where it is RARE: those dimensions go by range.

    Raises:
        ValueError: the mode is unknown, or the statistics have no quantiles.
    """
    if mode == "range":
        offset, scale = _middle(statistics.minimum, statistics.maximum)
    elif mode == "quantile":
        if statistics.q01 is None or statistics.q99 is None:
            raise ValueError("these statistics have no quantiles: take them again, or normalise by range or mean_std")
        narrow = statistics.q99 - statistics.q01 < RARE * (statistics.maximum - statistics.minimum)
        rare = narrow & rare_by_range
        low = np.where(rare, statistics.minimum, statistics.q01)
        offset, scale = _middle(low, np.where(rare, statistics.maximum, statistics.q99))
    elif mode == "mean_std":
        offset, scale = statistics.mean, statistics.std
    elif mode == "none":
        return np.zeros_like(statistics.mean), np.ones_like(statistics.mean)
    else:
        raise ValueError(f"normalisation '{mode}' is none of range, mean_std, quantile, none")
    return offset, np.where(scale * 2 < MIN_SPREAD, constant, scale)


def _middle(low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middle and half width of an interval."""
    return (low + high) / 2, (high - low) / 2


class Normalizer(nn.Module):
    """The pair `forward` (physical to normalised) and `inverse` (back), on tensors (..., D)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("offset", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))

    def fit(
        self, statistics: Statistics, mode: Normalization, constant: float = 1.0, *, rare_by_range: bool = False
    ) -> Normalizer:
        """Take offset and scale from data; returns self. `constant` and `rare_by_range` as in `affine`."""
        offset, scale = affine(statistics, mode, constant, rare_by_range=rare_by_range)
        size = cast(Tensor, self.offset).shape[0]
        if offset.shape != (size,):
            raise ValueError(f"statistics of {offset.shape[0]} dimensions for a field of {size}")
        cast(Tensor, self.offset).copy_(torch.from_numpy(offset))
        cast(Tensor, self.scale).copy_(torch.from_numpy(scale))
        return self

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.offset) / self.scale

    def inverse(self, y: Tensor) -> Tensor:
        return y * self.scale + self.offset
