"""gym-hil's PandaPickCube as a Robot: linear velocity of the gripper in, proprioception and the cube's pose out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Outcome, Reading, RobotError, SceneState
from robot_rl.sim.clock import SteppedClock
from robot_rl.sim.commands import accepted
from robot_rl.sim.pick_cube.scene import PHYSICS_STEP_NS, Scene, scene_xml
from robot_rl.spec import Spec

Array = NDArray[np.float64]

_SENSED = {
    "joint_position": 7,
    "joint_velocity": 7,
    "ee_pose": 7,
    "ee_position": 3,
    "gripper_position": 1,
    "gripper_command": 1,
    "object_pose": 7,
    "object_position": 3,
}
_ACCEPTED = {"velocity": 3, "gripper": 1}


class PickCube:
    """Robot and Simulated over gym-hil's scene, start states, controller and measure of success.

    Control mode `linear_velocity`: `velocity` (3,) [m/s] of the gripper, which keeps pointing down, and `gripper`
    (1,) from 0, open, to 1, closed. gym-hil's own action is the same per step: velocity times the period, and the
    change of the gripper's command. The gripper is drawn to a point that moves at this velocity within gym-hil's
    bounds, x 0.2 to 0.6, y -0.3 to 0.3, z 0 to 0.5 m.

    Senses `joint_position` (7,) [rad], `joint_velocity` (7,) [rad/s], `ee_pose` (7,), `gripper_position` (1,) [m]
    between the fingers, `gripper_command` (1,) in [0, 1], which is all that gym-hil tells of the gripper, and
    `object_pose` (7,) of the cube; `ee_position` and `object_position` (3,) [m] are the same without the rotations,
    as gym-hil gives them. All in the arm's base frame, which is the world's.

    Args:
        spec: what it senses and accepts; any subset of the fields above, a whole multiple of 2 ms as period.
        seed: of the start states drawn by `reset()` without a seed.
        random: the cube starts anywhere in 20 x 30 cm; if not, as gym-hil's default, always at one place.

    Raises:
        ConfigError: a spec that does not fit.
        MissingExtraError: gym-hil is not installed.
    """

    def __init__(self, spec: Spec, *, seed: int = 0, random: bool = True) -> None:
        _check_spec(spec)
        self.spec = spec
        self.clock = SteppedClock(spec.period_ns, self._step_period)
        self._scene = Scene(spec.period_ns * 1e-9, random=random)
        self._seeds = np.random.default_rng(seed)
        self._closed = False
        self._velocity, self._gripper = spec.action.slices["velocity"], spec.action.slices["gripper"]
        self.reset()

    def reset(self, seed: int | None = None) -> Reading:
        """gym-hil's start state for this seed, the gripper open. Equal seeds give bit-identical states whatever
        happened before."""
        self._check_open()
        self._scene.draw(int(self._seeds.integers(2**31)) if seed is None else seed)
        self._command = np.zeros(self.spec.action.size)
        self.clock.skip()
        return self.read()

    def read(self) -> Reading:
        """The present state; every field has the present simulated stamp."""
        self._check_open()
        scene = self._scene
        position, velocity = scene.joints
        gripper, cube = scene.gripper_pose, scene.cube_pose
        sensed = {
            "joint_position": position,
            "joint_velocity": velocity,
            "ee_pose": gripper,
            "ee_position": gripper[:3],
            "gripper_position": np.array([scene.opening]),
            "gripper_command": np.array([scene.closed]),
            "object_pose": cube,
            "object_position": cube[:3],
        }
        names = self.spec.observation
        return Reading({n: sensed[n] for n in names}, dict.fromkeys(names, self.clock.now()))

    def send(self, action: Array) -> Array:
        """Hold this command (4,) from now on; it takes effect as the clock runs.

        Returns what was really sent: `action` within the spec's bounds. Raises RobotError if it is not finite.
        """
        self._check_open()
        self._command = accepted(action, self.spec.action)
        return self._command.copy()

    def stop(self) -> None:
        """Hold the gripper where it is, and its fingers as they were commanded."""
        self._check_open()
        self._command = self._command.copy()
        self._command[self._velocity] = 0.0
        self._scene.hold()

    def close(self) -> None:
        """Release the scene; later calls raise RobotError."""
        self._closed = True

    def scene_xml(self) -> str:
        """The MJCF of the scene, with absolute asset paths."""
        self._check_open()
        return scene_xml()

    def scene_state(self) -> SceneState:
        """Generalised positions and velocities, stamped with simulated time."""
        self._check_open()
        data = self._scene.data
        return SceneState(self.clock.now(), data.qpos.copy(), data.qvel.copy())

    def outcome(self) -> Outcome:
        """gym-hil's sparse reward, 1 while the cube is lifted by more than 10 cm, which is success; terminated once
        the cube has left the area."""
        self._check_open()
        lifted = self._scene.lifted
        return Outcome(reward=float(lifted), success=lifted, terminated=self._scene.lost)

    def _step_period(self) -> None:
        self._check_open()
        self._scene.step(self._command[self._velocity], float(self._command[self._gripper][0]))

    def _check_open(self) -> None:
        if self._closed:
            raise RobotError(f"robot '{self.spec.robot}' is closed; make a new one")


def _check_spec(spec: Spec) -> None:
    if spec.control_mode != "linear_velocity":
        raise ConfigError(f"control mode '{spec.control_mode}' does not fit: PickCube has linear_velocity")
    if (sizes := {name: f.size for name, f in spec.action.items()}) != _ACCEPTED:
        raise ConfigError(f"action fields {sizes} do not fit: linear_velocity takes {_ACCEPTED}")
    for name, field in spec.observation.items():
        if name not in _SENSED:
            raise ConfigError(f"observation '{name}' is not sensed in PickCube; it has {', '.join(_SENSED)}")
        if field.shape != (_SENSED[name],):
            raise ConfigError(f"observation '{name}' has shape ({_SENSED[name]},), not {field.shape}")
    if spec.period_ns % PHYSICS_STEP_NS:
        raise ConfigError(f"rate {spec.rate:g} Hz: its period must be a whole multiple of the physics step, 2 ms")
