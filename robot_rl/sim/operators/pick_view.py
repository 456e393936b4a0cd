"""What an operator sees of a pick-and-place task, worked out from one reading and a plan."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.control import poses
from robot_rl.hardware.robot import Reading
from robot_rl.sim.operators.pick_job import Job, Plan

Array = NDArray[np.float64]

OPEN = 0.06
"""Fingers farther apart than this count as open [m]."""


@dataclass(frozen=True)
class View:
    """Gripper, object and goal, in the robot's base frame."""

    gripper: Array  # (3,) the point between the finger tips [m]
    opening: float
    """Between the fingers [m]."""
    object: Array  # (3,) the point of the object to take hold of [m]
    turn: float
    """How far the gripper must yet turn about z to take hold [rad], within half the grip's symmetry."""
    held: bool
    """The fingers are closed on something, and the object is between them."""
    empty: bool
    """The fingers are closed on nothing."""
    origin: Array  # (3,) the object's origin [m]
    offset: Array  # (3,) from there to where it will be let go; zero if it goes nowhere [m]
    twist: float
    """How far the object must yet turn about z to fit its place [rad]."""

    @classmethod
    def of(cls, reading: Reading, job: Job, plan: Plan) -> View:
        """Needs `ee_pose`, `object_pose` and `gripper_position`, and `goal_pose` if the plan has a place."""
        ee, body = reading.values["ee_pose"], reading.values["object_pose"]
        facing = heading(body[3:])
        grip, place = plan.grip, plan.place
        wanted = grip.heading + (facing if grip.follows else 0.0)
        offset, twist = np.zeros(3), 0.0
        if place is not None:
            goal = reading.values["goal_pose"]
            offset = goal[:3] + np.array([*place.aside, place.drop]) - body[:3]
            twist = 0.0 if place.turn is None else nearest(heading(goal[3:]) + place.turn - facing, 2.0 * math.pi)
        point = body[:3] + poses.rotate(body[3:], np.array(grip.point)) if any(grip.point) else body[:3]
        opening = float(reading.values["gripper_position"][0])
        return cls(
            gripper=ee[:3],
            opening=opening,
            object=point,
            turn=nearest(wanted - heading(ee[3:]), grip.symmetry),
            held=job.empty < opening < OPEN and math.dist(point, ee[:3]) < job.loose,
            empty=opening < job.empty,
            origin=body[:3],
            offset=offset,
            twist=twist,
        )

    @property
    def beside(self) -> float:
        """Horizontal distance from the gripper to the object [m]."""
        return math.hypot(*(self.object[:2] - self.gripper[:2]))

    @property
    def above(self) -> float:
        """Height of the gripper over the point of the grip [m]."""
        return float(self.gripper[2] - self.object[2])

    @property
    def apart(self) -> float:
        """Distance from the gripper to the object [m]."""
        return math.dist(self.gripper, self.object)

    @property
    def astray(self) -> float:
        """Horizontal distance from the object to its place [m]."""
        return math.hypot(*self.offset[:2])


def heading(quaternion: Array) -> float:
    """Angle of the rotated x axis in the horizontal plane [rad]."""
    x, y, _ = poses.rotate(quaternion, np.array([1.0, 0.0, 0.0]))
    return math.atan2(y, x)


def nearest(angle: float, symmetry: float) -> float:
    """An angle modulo `symmetry`, within half of it [rad]."""
    return (angle + symmetry / 2) % symmetry - symmetry / 2
