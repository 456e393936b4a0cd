"""Where an arm, its gripper and the task's object lie in MuJoCo's arrays, and their poses in the arm's base frame."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from robot_rl.sim.suite import Task

Array = NDArray[np.float64]

# q and -q are the same rotation. Choosing the sign nearest to a fixed rotation keeps the numbers continuous
# within half a turn of it, and independent of the path there.
_POINTING_DOWN = np.array([np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0])  # x y z w
_UPRIGHT = np.array([0.0, 0.0, 0.0, 1.0])


class ArmScene:
    """The parts of a robosuite scene with one arm. Poses are (7,) in its base frame, which does not move.

    Args:
        engine: made by `suite.make_engine`.
        task: what it was made for.
    """

    def __init__(self, engine: Any, task: Task) -> None:
        self.model: mujoco.MjModel = engine.sim.model._model
        self.data: mujoco.MjData = engine.sim.data._data
        model, arm = self.model, engine.robots[0]
        names = [model.actuator(i).name for i in range(model.nu)]
        self.gripper_prefix: str = arm.gripper["right"].naming_prefix
        self.arm = np.array([names.index(n) for n in arm.robot_model.arm_actuators])
        """The arm's actuators."""
        self.fingers = np.array([names.index(f"{self.gripper_prefix}gripper_finger_joint{i}") for i in (1, 2)])
        """The fingers' actuators (2,)."""
        self._finger_open = np.abs(model.actuator_ctrlrange[self.fingers]).max(axis=1) * (1.0, -1.0)  # (2,) [m]
        self._fingers_kept = task.fingers
        joints = model.actuator_trnid[:, 0]
        self._arm_qpos, self._arm_dofs = model.jnt_qposadr[joints[self.arm]], model.jnt_dofadr[joints[self.arm]]
        self._finger_qpos = model.jnt_qposadr[joints[self.fingers]]
        self.site = model.site(arm.gripper["right"].important_sites["grip_site"]).id
        """The grip site, between the finger tips."""
        self.object = model.body(task.body).id
        """The body that is manipulated."""
        self._goal = model.body(task.goal).id if task.goal else None
        base = model.body(arm.robot_model.root_body).id
        self.base_position = self.data.xpos[base].copy()
        """(3,) [m, world]"""
        self.base_rotation = self.data.xmat[base].reshape(3, 3).copy()
        """From base to world (3, 3)."""
        self._base_inverse = np.zeros(4)
        mujoco.mju_negQuat(self._base_inverse, self.data.xquat[base])

    @property
    def joint_position(self) -> Array:
        """Of the arm (n,) [rad]."""
        out: Array = self.data.qpos[self._arm_qpos]
        return out

    @property
    def joint_velocity(self) -> Array:
        """Of the arm (n,) [rad/s]."""
        out: Array = self.data.qvel[self._arm_dofs]
        return out

    @property
    def opening(self) -> float:
        """Between the fingers [m]."""
        fingers = self.data.qpos[self._finger_qpos]
        return float(fingers[0] - fingers[1])

    @property
    def grip(self) -> tuple[Array, Array]:
        """Position (3,) and rotation (3, 3) of the grip site in the world."""
        return self.data.site_xpos[self.site], self.data.site_xmat[self.site].reshape(3, 3)

    @property
    def grip_pose(self) -> Array:
        """Of the grip site."""
        rotation = np.zeros(4)
        mujoco.mju_mat2Quat(rotation, self.data.site_xmat[self.site])
        return self._in_base(self.data.site_xpos[self.site], rotation, reference=_POINTING_DOWN)

    @property
    def object_pose(self) -> Array:
        """Of the body that is manipulated."""
        return self._body_pose(self.object)

    @property
    def goal_pose(self) -> Array | None:
        """Of the body where the object belongs; None if the task has none."""
        return None if self._goal is None else self._body_pose(self._goal)

    def open_fingers(self) -> None:
        """Set the fingers to where a start state has them."""
        self.data.qpos[self._finger_qpos] = self.fingers_at(0.0)

    def fingers_at(self, closed: float | Array) -> Array:
        """Finger joints (2,) [m] for a command from 0, open, to 1, closed, or where the task keeps them."""
        kept = self._fingers_kept
        return self._finger_open * (1.0 - (closed if kept is None else kept))

    def wrench_in_base(self, wrench: Array) -> Array:
        """A wrench (6,) in world axes, turned into the axes of the base."""
        return (wrench.reshape(2, 3) @ self.base_rotation).reshape(6)

    def _body_pose(self, body: int) -> Array:
        return self._in_base(self.data.xpos[body], self.data.xquat[body], reference=_UPRIGHT)

    def _in_base(self, position: Array, quaternion: Array, *, reference: Array) -> Array:
        """World position and w x y z quaternion to a base-frame pose (7,), the sign nearest to `reference`."""
        pose = np.empty(7)
        pose[:3] = (position - self.base_position) @ self.base_rotation
        turned = np.zeros(4)
        mujoco.mju_mulQuat(turned, self._base_inverse, quaternion)
        pose[3:6], pose[6] = turned[1:], turned[0]
        if pose[3:] @ reference < 0:
            pose[3:] *= -1.0
        return pose
