"""What was asked for against what was executed, and what was executed against what the robot did (pure)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LAGS = (-0.25, 1.0)
"""Between which lags the best is looked for [s]."""
COARSE = 5
"""Every fifth lag is tried first, half a period apart, then all around the best."""
MAX_STEPS = 1000
"""More of an episode is not looked at."""


def changed(asked: NDArray[np.float64], executed: NDArray[np.float64], span: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(T,) True where what was executed is not what was asked for: they differ by over 0.1 % of the span anywhere.

    Args:
        asked: (T, A), NaN where nothing was asked for: False there.
        executed: (T, A).
        span: (A,) high less low of each number; 1 where it has no bounds.
    """
    known = np.all(np.isfinite(asked), axis=1)
    apart = np.abs(np.where(known[:, None], asked - executed, 0.0)) > 1e-3 * span + 1e-9
    return np.asarray(np.any(apart, axis=1))


@dataclass(frozen=True)
class Lag:
    """How far the measured velocity is behind the commanded one."""

    seconds: float
    correlation: float
    """Normalised cross-correlation at that lag, 1 for the same shape."""


def derivative(stamps: NDArray[np.int64], values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Differences of values (N, n) over time: stamps half-way (N - 1,) [ns] and rates (N - 1, n) [1/s].

    Samples with the stamp of the one before are left out.
    """
    if len(stamps) < 2:
        return stamps[:0], values[:0]
    keep = np.concatenate([[True], np.diff(stamps) > 0])
    stamps, values = stamps[keep], values[keep]
    seconds = np.diff(stamps)[:, None] * 1e-9
    return stamps[:-1] + np.diff(stamps) // 2, np.diff(values, axis=0) / seconds


def lag(
    command_stamps: NDArray[np.int64],
    command: NDArray[np.float64],
    stamps: NDArray[np.int64],
    measured: NDArray[np.float64],
    period: float,
) -> Lag | None:
    """The lag at which the measured velocity follows the commanded one best, by cross-correlation.

    Each command holds until the next; the measured velocity is interpolated. Both are sampled ten times a period over
    at most the first thousand periods, their means removed; the peak is refined by a parabola.

    Args:
        command_stamps, command: (T,) [ns] and (T, n) commanded velocity.
        stamps, measured: (N,) [ns] and (N, n) measured velocity.
        period: control period [s].

    Returns:
        None when either stands still, or there is too little to compare.
    """
    if len(command_stamps) < 20 or len(stamps) < 20:
        return None
    dt = period / 10
    start, end = command_stamps[0], command_stamps[:MAX_STEPS][-1]
    times = np.arange(0.0, (end - start) * 1e-9, dt)
    at_command, at_measured = (command_stamps - start) * 1e-9, (stamps - start) * 1e-9
    held = command[np.searchsorted(at_command, times + 1e-9, side="right") - 1]
    shifts = np.arange(round(LAGS[0] / dt), round(LAGS[1] / dt) + 1)
    wide = np.concatenate(
        [times[0] + dt * np.arange(shifts[0], 0), times, times[-1] + dt * np.arange(1, shifts[-1] + 1)]
    )
    seen = np.stack([np.interp(wide, at_measured, column) for column in measured.T], axis=1)
    known = (wide >= at_measured[0]) & (wide <= at_measured[-1])
    scores = np.full(len(shifts), np.nan)
    coarse = range(0, len(shifts), COARSE)
    scores[coarse] = [_correlation(held, seen, known, k) for k in coarse]
    if not np.isfinite(scores).any():
        return None
    peak = int(np.nanargmax(scores))
    near = range(max(0, peak - COARSE), min(len(shifts), peak + COARSE + 1))
    scores[near] = [_correlation(held, seen, known, k) for k in near]
    best = int(np.nanargmax(scores))
    return Lag(float((shifts[best] + _refined(scores, best)) * dt), float(scores[best]))


def _correlation(held: NDArray[np.float64], seen: NDArray[np.float64], known: NDArray[np.bool_], offset: int) -> float:
    """Normalised correlation of the command with what was seen `offset` samples into `seen`."""
    part, mask = seen[offset : offset + len(held)], known[offset : offset + len(held)]
    if mask.sum() < len(held) // 2:
        return float("nan")
    a, b = held[mask] - held[mask].mean(axis=0), part[mask] - part[mask].mean(axis=0)
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum() / norm) if norm > 1e-12 else float("nan")


def _refined(scores: NDArray[np.float64], best: int) -> float:
    """Where between samples the peak of a parabola through three scores lies, in samples."""
    if not 0 < best < len(scores) - 1:
        return 0.0
    left, middle, right = scores[best - 1 : best + 2]
    curve = left - 2 * middle + right
    return float(0.5 * (left - right) / curve) if np.isfinite(curve) and curve < 0 else 0.0
