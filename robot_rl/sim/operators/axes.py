"""What the operators need to know of the input device they hold."""

from __future__ import annotations

import math

from robot_rl.hardware.config import ConfigError, RobotConfig


def full_axis(config: RobotConfig, axis: str, needs: str) -> float:
    """What a full axis asks for [m/s or rad/s].

    Args:
        needs: the axes that the operator cannot do without, for the message.

    Raises:
        ConfigError: the axis drives nothing, or by a scale that is not a number above 0.
    """
    label = config.teleop.get("axes", {}).get(axis)
    if label is None:
        raise ConfigError(f"{config.path}: teleop axis '{axis}' drives nothing, and the operator needs {needs}")
    layout = config.spec.action
    scale = float(config.teleop.get("scale", {}).get(label, layout.high[layout.labels.index(label)]))
    if not (math.isfinite(scale) and scale > 0.0):
        raise ConfigError(f"{config.path}: teleop.scale of '{label}' is {scale}; the operator needs a number above 0")
    return scale
