"""What an operator sees of a lifting task, worked out from one reading."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.control import poses
from robot_rl.hardware.robot import Reading

Array = NDArray[np.float64]

EMPTY = 0.015
"""Fingers closer than this hold nothing [m]; the cube is 0.04 m wide."""
OPEN = 0.06
"""Fingers farther apart than this count as open [m]."""


@dataclass(frozen=True)
class View:
    """Gripper and object, in the robot's base frame."""

    gripper: Array  # (3,) the point between the finger tips [m]
    opening: float
    """Between the fingers [m]."""
    object: Array  # (3,) the cube's centre [m]
    turn: float
    """How far the gripper must yet turn about z to grasp parallel to the cube's sides [rad], within +-45 degrees."""

    @classmethod
    def of(cls, reading: Reading) -> View:
        """Needs `ee_pose`, `object_pose` and `gripper_position`."""
        ee, cube = reading.values["ee_pose"], reading.values["object_pose"]
        return cls(
            gripper=ee[:3],
            opening=float(reading.values["gripper_position"][0]),
            object=cube[:3],
            turn=_quarter(_heading(cube[3:]) - _heading(ee[3:])),
        )

    @property
    def beside(self) -> float:
        """Horizontal distance from the gripper to the cube [m]."""
        return math.hypot(*(self.object[:2] - self.gripper[:2]))

    @property
    def above(self) -> float:
        """Height of the gripper over the cube's centre [m]."""
        return float(self.gripper[2] - self.object[2])

    @property
    def apart(self) -> float:
        """Distance from the gripper to the cube [m]."""
        return math.dist(self.gripper, self.object)

    @property
    def held(self) -> bool:
        """The fingers are closed on something, and the cube is between them."""
        return EMPTY < self.opening < OPEN and self.apart < 0.025


def _heading(quaternion: Array) -> float:
    """Angle of the rotated x axis in the horizontal plane [rad]."""
    x, y, _ = poses.rotate(quaternion, np.array([1.0, 0.0, 0.0]))
    return math.atan2(y, x)


def _quarter(angle: float) -> float:
    """An angle modulo a quarter turn, within +-45 degrees: a cube looks the same from four sides."""
    return (angle + math.pi / 4) % (math.pi / 2) - math.pi / 4
