"""A simulated quadrotor as a Robot: velocity or position setpoints in, pose, twist, IMU and thrust out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Outcome, Reading, SceneState
from robot_rl.sim.abilities import Abilities
from robot_rl.sim.quadrotor.controller import FlightController, VehicleState
from robot_rl.sim.quadrotor.dynamics import QuadrotorDynamics
from robot_rl.sim.quadrotor.parameters import parameters
from robot_rl.sim.quadrotor.scene import HALF_HEIGHT, TIMESTEP_NS
from robot_rl.sim.quadrotor.task import GoalTask, outcome
from robot_rl.sim.stepped import SteppedRobot
from robot_rl.spec import Spec

Array = NDArray[np.float64]

_ABILITIES = Abilities(
    modes={"velocity": {"velocity": 3, "yaw_rate": 1}, "position": {"position": 3, "yaw": 1}},
    sensed={
        "pose": 7,
        "twist": 6,
        "yaw": 1,
        "angular_velocity": 3,
        "specific_force": 3,
        "thrust": 4,
        "goal": 3,
    },
    step_ns=TIMESTEP_NS,
)
_CLIMBING = 0.02
"""A setpoint starts the motors on the floor if it asks for more than this upwards [m/s], or [m] above the floor."""


class Quadrotor(SteppedRobot):
    """Robot and Simulated over MuJoCo, with the flight controller of `controller.py` on board.

    Control modes, both in the world frame (x east, y north, z up):

    - `velocity`: `velocity` (3,) [m/s] and `yaw_rate` (1,) [rad/s]; zeros hold the place;
    - `position`: `position` (3,) [m] and `yaw` (1,) [rad], reached with bounded speed and acceleration.

    Senses `pose` and `twist` (linear and angular) in the world frame; `yaw` [rad]; an IMU at the centre of mass,
    `angular_velocity` [rad/s] and `specific_force` [m/s^2] in the body frame, the latter one physics step
    (2 ms) older, as its stamp says; `thrust` of each motor [N]; `goal`, the place to fly to, in the world [m].
    Measurements are exact, without noise.

    On the floor the motors are off until a setpoint asks to climb. Tilting past 90 degrees or leaving the arena
    is a crash: the motors stop and stay off until `reset`, whatever is sent. The robot is ready once made.

    Args:
        spec: what it senses and accepts; any subset of the fields above, any whole multiple of 2 ms as period.
        vehicle: a set of `robot_rl.sim.quadrotor.parameters.PARAMETERS`.
        seed: of the start states drawn by `reset()` without a seed.
        task: start, goal and arena, the fields of `GoalTask`.

    Raises:
        ConfigError: a spec or an option that does not fit.
    """

    def __init__(self, spec: Spec, *, vehicle: str = "cf2x_l250", seed: int = 0, **task: Any) -> None:
        super().__init__(spec, _ABILITIES, seed)
        self._substeps = spec.period_ns // TIMESTEP_NS
        try:
            self._dynamics = QuadrotorDynamics(parameters(vehicle))
            self._task = GoalTask(**task)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"robot '{spec.robot}': {error}") from None
        self._controller = FlightController(self._dynamics.parameters, TIMESTEP_NS * 1e-9)
        self.reset()

    def _begin(self, seed: int) -> None:
        """At rest, hovering or on the floor, with a goal. The vehicle holds its place until the first command."""
        position, yaw, goal = self._task.draw(np.random.default_rng(seed))
        thrust = self._dynamics.parameters.hover_thrust if self._task.start == "hover" else 0.0
        self._dynamics.reset(position, yaw, thrust, goal)
        self._controller.reset(self._dynamics.state, self._dynamics.thrust)
        self._crashed = False
        self._fresh = True
        self._follow_velocity(np.zeros(3), 0.0)

    def read(self) -> Reading:
        """The present state; every field has the present simulated stamp but `specific_force`."""
        reading = super().read()
        stamps = dict(reading.stamps)
        if "specific_force" in stamps and not self._fresh:
            stamps["specific_force"] -= TIMESTEP_NS
        return Reading(reading.values, stamps)

    def _sense(self) -> Mapping[str, ArrayLike]:
        state, data = self._dynamics.state, self._dynamics.data
        w, x, y, z = data.qpos[3:7]
        quaternion = np.array([x, y, z, w]) if w >= 0 else np.array([-x, -y, -z, -w])
        return {
            "pose": np.concatenate([state.position, quaternion]),
            "twist": np.concatenate([state.velocity, state.rotation @ state.rates]),
            "yaw": (state.yaw,),
            "angular_velocity": data.sensordata[:3],
            "specific_force": data.sensordata[3:6],
            "thrust": self._dynamics.thrust,
            "goal": self._dynamics.goal,
        }

    def send(self, action: Array) -> Array:
        """Hold this setpoint (A,) from now on; see `SteppedRobot.send`."""
        sent = super().send(action)
        parts = self.spec.action.unpack(sent.copy())
        if self.spec.control_mode == "velocity":
            self._follow_velocity(parts["velocity"], float(parts["yaw_rate"][0]))
        else:
            self._follow_position(parts["position"], float(parts["yaw"][0]))
        return sent

    def stop(self) -> None:
        """In the air: brake at 3 m/s^2 and hold the place and heading reached. On the floor: motors off."""
        self._check_open()
        self._follow_velocity(np.zeros(3), 0.0)

    def scene_xml(self) -> str:
        """The MJCF of the scene; it needs no asset files."""
        self._check_open()
        return self._dynamics.xml

    def scene_state(self) -> SceneState:
        """qpos: x y z, quaternion w x y z, goal x y z; stamped with simulated time."""
        self._check_open()
        data = self._dynamics.data
        return SceneState(self.clock.now(), data.qpos.copy(), data.qvel.copy())

    def outcome(self) -> Outcome:
        """Reward 1 and success within 0.1 m of the goal, else 0; terminated by a crash."""
        self._check_open()
        return outcome(self._dynamics.state.position, self._dynamics.goal, self._crashed)

    def _follow_velocity(self, velocity: Array, yaw_rate: float) -> None:
        self._climbing = bool(velocity[2] > _CLIMBING)
        self._law: Callable[[VehicleState], Array] = lambda state: self._controller.velocity(state, velocity, yaw_rate)

    def _follow_position(self, position: Array, yaw: float) -> None:
        self._climbing = bool(position[2] > HALF_HEIGHT + _CLIMBING)
        self._law = lambda state: self._controller.position(state, position, yaw)

    def _step(self) -> None:
        self._fresh = False
        for _ in range(self._substeps):
            state = self._dynamics.state
            self._crashed = self._crashed or self._task.crashed(state.position, state.rotation)
            off = self._crashed or (not self._climbing and self._landed(state))
            self._dynamics.step(self._controller.idle(state) if off else self._law(state))
        state = self._dynamics.state
        self._crashed = self._crashed or self._task.crashed(state.position, state.rotation)

    def _landed(self, state: VehicleState) -> bool:
        return self._dynamics.touching or bool(state.position[2] < HALF_HEIGHT + 0.002)
