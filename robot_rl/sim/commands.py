"""What a simulated robot accepts as a command: the one check that every driver makes before anything moves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.robot import RobotError
from robot_rl.spec import Layout


def accepted(action: NDArray[np.float64], layout: Layout) -> NDArray[np.float64]:
    """A new array (A,): `action` within the layout's bounds. Raises RobotError if it is misshapen or not finite."""
    values = np.asarray(action, dtype=np.float64)
    if values.shape != (layout.size,) or not np.isfinite(values).all():
        raise RobotError(f"action {values.tolist()} refused: {layout.size} finite numbers are needed, {layout!r}")
    clipped: NDArray[np.float64] = np.clip(values, layout.low, layout.high)
    return clipped
