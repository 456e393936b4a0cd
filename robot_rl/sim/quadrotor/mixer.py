"""Mixing: collective thrust and body torques to the thrust of four motors, and what to give up when they saturate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robot_rl.sim.quadrotor.parameters import YAW_SIGNS, QuadrotorParameters

Array = NDArray[np.float64]


def allocation(p: QuadrotorParameters) -> Array:
    """The matrix (4, 4) that takes motor thrusts [N] to (collective [N], torque x y z [N m]) in the body frame."""
    x, y = p.motor_positions.T
    return np.stack([np.ones(4), y, -x, YAW_SIGNS * p.torque_ratio])


def mix(wrench: Array, inverse: Array, low: float, high: float) -> Array:
    """Motor thrusts (4,) [N] in [low, high] that give `wrench` as nearly as the motors can.

    Priority where they cannot: first roll and pitch, which keep the thrust vector where it was asked
    for; then collective thrust; then yaw. Roll and pitch are scaled together, so their direction holds.

    Args:
        wrench: (4,) collective [N], torque x y z [N m].
        inverse: (4, 4) inverse of `allocation`.
    """
    tilt = (inverse[:, 1] * wrench[1] + inverse[:, 2] * wrench[2]).tolist()
    yaw = (inverse[:, 3] * wrench[3]).tolist()
    least, most = min(tilt), max(tilt)
    scale = min(1.0, (high - low) / (most - least)) if most > least else 1.0
    collective = min(max(float(wrench[0]) / 4.0, low - scale * least), high - scale * most)
    base = [min(max(collective + scale * t, low), high) for t in tilt]
    share = _largest_share(base, yaw, low, high)
    return np.array([min(max(b + share * y, low), high) for b, y in zip(base, yaw)])


def _largest_share(base: list[float], extra: list[float], low: float, high: float) -> float:
    """The largest s in [0, 1] for which base + s * extra stays in [low, high]; base lies inside."""
    share = 1.0
    for b, e in zip(base, extra):
        if b + e > high:
            share = min(share, (high - b) / e)
        elif b + e < low:
            share = min(share, (low - b) / e)
    return max(share, 0.0)
