"""The vehicle in MuJoCo: its state, its motors and its drag, one physics step at a time."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from robot_rl.sim.quadrotor.controller import VehicleState
from robot_rl.sim.quadrotor.parameters import QuadrotorParameters
from robot_rl.sim.quadrotor.scene import scene_xml

Array = NDArray[np.float64]


class QuadrotorDynamics:
    """The MuJoCo model of one vehicle and its goal; `step` takes the commands of the four motors."""

    def __init__(self, p: QuadrotorParameters) -> None:
        self.parameters = p
        self.xml = scene_xml(p)
        self.model = mujoco.MjModel.from_xml_string(self.xml)
        self.data = mujoco.MjData(self.model)
        self._body = self.model.body("quadrotor").id
        self._drag = np.array(p.drag)

    def reset(self, position: Array, yaw: float, thrust: float, goal: Array) -> None:
        """Place the vehicle at rest, level, each motor giving `thrust` [N], and place the goal."""
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[:3] = position
        self.data.qpos[3:7] = np.cos(0.5 * yaw), 0.0, 0.0, np.sin(0.5 * yaw)
        self.data.qpos[7:10] = goal
        self.data.ctrl[:] = thrust
        if self.model.na:
            self.data.act[:] = thrust
        mujoco.mj_forward(self.model, self.data)

    def step(self, commands: Array) -> None:
        """One physics step under motor commands (4,) [N] and drag.

        MuJoCo's step is split and taken second half first, so that afterwards everything that follows from
        position and velocity is fresh; the accelerometer is that of the moment before.
        """
        d = self.data
        d.ctrl[:] = commands
        rotation = d.xmat[self._body].reshape(3, 3)
        d.xfrc_applied[self._body, :3] = rotation @ (-self._drag * (d.qvel[:3] @ rotation))
        mujoco.mj_step2(self.model, d)
        mujoco.mj_step1(self.model, d)

    @property
    def state(self) -> VehicleState:
        """The present state; copies, but for the rotation, which the next step overwrites."""
        d = self.data
        return VehicleState(d.qpos[:3].copy(), d.qvel[:3].copy(), d.xmat[self._body].reshape(3, 3), d.qvel[3:6].copy())

    @property
    def goal(self) -> Array:
        """(3,) world [m]"""
        return self.data.qpos[7:10].copy()

    @property
    def thrust(self) -> Array:
        """What each motor gives now, (4,) [N]."""
        return (self.data.act if self.model.na else self.data.ctrl).copy()

    @property
    def touching(self) -> bool:
        """The vehicle touches the floor."""
        return bool(self.data.ncon > 0)
