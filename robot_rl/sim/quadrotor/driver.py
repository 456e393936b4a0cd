"""A simulated quadrotor as a Robot: velocity or position setpoints in, pose, twist, IMU and thrust out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Outcome, Reading, RobotError, SceneState
from robot_rl.sim.clock import SteppedClock
from robot_rl.sim.commands import accepted
from robot_rl.sim.quadrotor.controller import FlightController, VehicleState
from robot_rl.sim.quadrotor.dynamics import QuadrotorDynamics
from robot_rl.sim.quadrotor.parameters import parameters
from robot_rl.sim.quadrotor.scene import HALF_HEIGHT, TIMESTEP_NS
from robot_rl.sim.quadrotor.task import GoalTask, outcome
from robot_rl.spec import Spec

Array = NDArray[np.float64]

_MODES = {"velocity": {"velocity": 3, "yaw_rate": 1}, "position": {"position": 3, "yaw": 1}}
_SENSED = ("pose", "twist", "yaw", "angular_velocity", "specific_force", "thrust", "goal")
_CLIMBING = 0.02
"""A setpoint starts the motors on the floor if it asks for more than this upwards [m/s], or [m] above the floor."""


class Quadrotor:
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
        _check_spec(spec)
        self.spec = spec
        self.clock = SteppedClock(spec.period_ns, self._step_period)
        self._substeps = spec.period_ns // TIMESTEP_NS
        try:
            self._dynamics = QuadrotorDynamics(parameters(vehicle))
            self._task = GoalTask(**task)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"robot '{spec.robot}': {error}") from None
        self._controller = FlightController(self._dynamics.parameters, TIMESTEP_NS * 1e-9)
        self._seeds = np.random.default_rng(seed)
        self._closed = False
        self.reset()

    def reset(self, seed: int | None = None) -> Reading:
        """A start state at rest, hovering or on the floor, and a goal. Equal seeds give bit-identical states and
        readings whatever happened before. The vehicle holds its place until the first command."""
        self._check_open()
        rng = np.random.default_rng(int(self._seeds.integers(2**31)) if seed is None else seed)
        position, yaw, goal = self._task.draw(rng)
        thrust = self._dynamics.parameters.hover_thrust if self._task.start == "hover" else 0.0
        self._dynamics.reset(position, yaw, thrust, goal)
        self._controller.reset(self._dynamics.state, self._dynamics.thrust)
        self._crashed = False
        self._fresh = True
        self.stop()
        self.clock.skip()
        return self.read()

    def read(self) -> Reading:
        """The present state; every field has the present simulated stamp but `specific_force`."""
        self._check_open()
        state, data, now = self._dynamics.state, self._dynamics.data, self.clock.now()
        w, x, y, z = data.qpos[3:7]
        quaternion = np.array([x, y, z, w]) if w >= 0 else np.array([-x, -y, -z, -w])
        sensed = {
            "pose": np.concatenate([state.position, quaternion]),
            "twist": np.concatenate([state.velocity, state.rotation @ state.rates]),
            "yaw": np.array([state.yaw]),
            "angular_velocity": data.sensordata[:3].copy(),
            "specific_force": data.sensordata[3:6].copy(),
            "thrust": self._dynamics.thrust,
            "goal": self._dynamics.goal,
        }
        names = self.spec.observation
        stamps = dict.fromkeys(names, now)
        if "specific_force" in stamps and not self._fresh:
            stamps["specific_force"] = now - TIMESTEP_NS
        return Reading({n: sensed[n] for n in names}, stamps)

    def send(self, action: Array) -> Array:
        """Hold this setpoint (A,) from now on; it takes effect as the clock runs.

        Returns what was really sent: `action` within the spec's bounds. Raises RobotError if it is not finite.
        """
        self._check_open()
        sent = accepted(action, self.spec.action)
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

    def close(self) -> None:
        """Release the scene; later calls raise RobotError."""
        self._closed = True

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
        """Reward exp(-2 d) at distance d [m] from the goal; success within 0.1 m; terminated by a crash."""
        self._check_open()
        return outcome(self._dynamics.state.position, self._dynamics.goal, self._crashed)

    def _follow_velocity(self, velocity: Array, yaw_rate: float) -> None:
        self._climbing = bool(velocity[2] > _CLIMBING)
        self._law: Callable[[VehicleState], Array] = lambda state: self._controller.velocity(state, velocity, yaw_rate)

    def _follow_position(self, position: Array, yaw: float) -> None:
        self._climbing = bool(position[2] > HALF_HEIGHT + _CLIMBING)
        self._law = lambda state: self._controller.position(state, position, yaw)

    def _step_period(self) -> None:
        """One control period of controller and physics under the held setpoint."""
        self._check_open()
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

    def _check_open(self) -> None:
        if self._closed:
            raise RobotError(f"robot '{self.spec.robot}' is closed; make a new one")


def _check_spec(spec: Spec) -> None:
    if spec.control_mode not in _MODES:
        raise ConfigError(f"control mode '{spec.control_mode}' does not fit: a quadrotor has {' and '.join(_MODES)}")
    sizes, needed = {name: f.size for name, f in spec.action.items()}, _MODES[spec.control_mode]
    if sizes != needed:
        raise ConfigError(f"action fields {sizes} do not fit: control mode '{spec.control_mode}' takes {needed}")
    for name in spec.observation:
        if name not in _SENSED:
            raise ConfigError(f"observation '{name}' is not sensed by a quadrotor; it has {', '.join(_SENSED)}")
    if spec.period_ns % TIMESTEP_NS:
        raise ConfigError(f"rate {spec.rate:g} Hz: its period must be a whole multiple of the physics step, 2 ms")
