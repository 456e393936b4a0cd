"""A robosuite arm as a Robot: Cartesian velocity in, proprioception and the object's pose out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from robot_rl.control.compliance import ComplianceError, six
from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Outcome, SceneState
from robot_rl.sim import suite
from robot_rl.sim.abilities import Abilities
from robot_rl.sim.arm_scene import ArmScene
from robot_rl.sim.operational_space import Gains, OperationalSpaceController, Reference
from robot_rl.sim.stepped import SteppedRobot
from robot_rl.sim.wrist import WristSensor
from robot_rl.spec import Spec

Array = NDArray[np.float64]

_SENSED = {
    "joint_position": None,
    "joint_velocity": None,
    "ee_pose": 7,
    "gripper_position": 1,
    "object_pose": 7,
    "goal_pose": 7,
    "privileged_goal_pose": 7,
    "wrench": 6,
}


class RobosuiteArm(SteppedRobot):
    """Robot and Simulated over robosuite's scene, reset and success check.

    Control mode `cartesian_velocity`: `twist` (6,) [m/s, rad/s] of the grip site in the robot's base frame,
    and `gripper` (1,) from 0, open, to 1, closed. A reference pose integrates the twist and an
    operational-space controller follows it at the physics rate (500 Hz); the reference may lead the measured
    pose by `max_lead`, so contact forces stay bounded. robosuite's own controller and observation machinery are
    not run. All poses are in the base frame, which stands 0.912 m above the floor and 0.56 m behind the
    centre of the table; in the scenes with bins it stands elsewhere, see their README.

    Beside the arm it senses `object_pose`; `goal_pose`, where the object belongs, as far off as `goal_bias` says and
    for a whole episode; `privileged_goal_pose`, where that truly is, which only a simulation knows: policies leave it
    out; and `wrench` (6,) [N, N m], what pushes on the gripper from outside, about the grip site (`wrist.py`).

    Args:
        spec: what it senses and accepts; any subset of the observation fields named in robot.yaml.
        task: a robosuite task, see `robot_rl.sim.suite.TASKS`.
        robot: robosuite's name of a one-armed robot; it carries the Panda's gripper.
        seed: of the start states drawn by `reset()` without a seed.
        placement: half range of the object's start position [m], one number or x and y.
        yaw: half range of the object's start yaw [rad].
        joint_noise: standard deviation of the arm's start joints [rad].
        max_lead: how far the reference may lead the measured pose on each axis [m, rad]: two numbers, or six for x,
            y, z and the rotation vector in the world frame.
        stiffness: of the end-effector loop [1/s^2].
        goal_bias: the measured goal is off by up to this along x and along y [m].
        scene: what else the task's scene can be told, see `robot_rl.sim.suite.Task.options`.

    Raises:
        ConfigError: a task, arm, option or spec that does not fit.
        SpecError: an observation field has another shape than the arm's.
        MissingExtraError: robosuite is not installed.
    """

    moving = "twist"

    def __init__(
        self,
        spec: Spec,
        *,
        task: str = "Lift",
        robot: str = "Panda",
        seed: int = 0,
        placement: float | Sequence[float] = 0.03,
        yaw: float = 0.0,
        joint_noise: float = 0.02,
        max_lead: Sequence[float] = (0.04, 0.3),
        stiffness: float = Gains.stiffness,
        goal_bias: float = 0.0,
        **scene: float,
    ) -> None:
        self._task = suite.task(task)
        super().__init__(spec, _abilities(self._task), seed)
        _check_goal(spec, self._task)
        half = (placement, placement) if isinstance(placement, int | float) else tuple(placement)
        if len(half) != 2 or min(half) < 0 or yaw < 0:
            raise ConfigError(
                f"placement {placement}, yaw {yaw}: half ranges of x and y [m] and yaw [rad], none negative"
            )
        try:
            self._max_lead = six("max_lead", max_lead)
        except ComplianceError as error:
            raise ConfigError(f"robot '{spec.robot}': {error}") from None
        if goal_bias < 0:
            raise ConfigError(f"goal_bias {goal_bias}: a half range [m] is not negative")
        self._engine = suite.make_engine(
            task,
            robot,
            placement=suite.Placement((float(half[0]), float(half[1])), yaw),
            joint_noise=joint_noise,
            rate=spec.rate,
            options=scene,
        )
        self._scene = parts = ArmScene(self._engine, self._task)
        self._model, self._data = parts.model, parts.data
        self._goal_bias, self._bias = goal_bias, np.zeros(3)
        home = np.array(self._engine.robots[0].init_qpos)
        self._controller = OperationalSpaceController(
            self._model, self._data, parts.site, parts.arm, home, Gains(stiffness=stiffness)
        )
        prefix = parts.gripper_prefix
        self._wrist = WristSensor(self._model, self._data, f"{prefix}force_ee", f"{prefix}torque_ee", parts.site)
        self._reference = Reference()
        self._twist, self._gripper = spec.action.slices["twist"], spec.action.slices.get("gripper")
        spec.observation.pack(self.reset().values)  # says which field does not fit the arm

    def _begin(self, seed: int) -> None:
        """At rest with the gripper open. Equal seeds give bit-identical states and readings, in any process."""
        suite.reset_engine(self._engine, seed)
        self._bias[:2] = np.random.default_rng([seed, 1]).uniform(-self._goal_bias, self._goal_bias, 2)
        self._scene.open_fingers()
        mujoco.mj_step1(self._model, self._data)
        self._wrist.reset()
        self._reference.hold(*self._scene.grip)

    def _sense(self) -> Mapping[str, ArrayLike]:
        scene = self._scene
        sensed: dict[str, Array] = {
            "joint_position": scene.joint_position,
            "joint_velocity": scene.joint_velocity,
            "ee_pose": scene.grip_pose,
            "gripper_position": np.array([scene.opening]),
            "object_pose": scene.object_pose,
        }
        if (goal := scene.goal_pose) is not None:
            sensed["privileged_goal_pose"] = goal
            sensed["goal_pose"] = goal.copy()
            sensed["goal_pose"][:3] += self._bias
        if "wrench" in self.spec.observation:
            sensed["wrench"] = scene.wrench_in_base(self._wrist.read())
        return sensed

    def stop(self) -> None:
        """Hold the measured pose, and the gripper as it was commanded."""
        super().stop()
        self._reference.hold(*self._scene.grip)

    def close(self) -> None:
        """Release the scene; later calls raise RobotError."""
        if not self._closed:
            self._engine.close()
        super().close()

    def scene_xml(self) -> str:
        """The MJCF of the scene, with absolute asset paths."""
        self._check_open()
        return suite.scene_xml(self._engine)

    def scene_state(self) -> SceneState:
        """Generalised positions and velocities, stamped with simulated time."""
        self._check_open()
        return SceneState(self.clock.now(), self._data.qpos.copy(), self._data.qvel.copy())

    def outcome(self) -> Outcome:
        """Reward 1 while robosuite's own success check holds, else 0; terminated once the object has left the table."""
        self._check_open()
        success = bool(self._engine._check_success())
        lost = bool(self._data.xpos[self._scene.object, 2] < self._task.lost_below)
        return Outcome(reward=float(success), success=success, terminated=lost)

    def _step(self) -> None:
        """One control period of physics under the held command.

        MuJoCo's step is split so that positions and velocities are fresh whenever this returns: each pass ends
        with the first half of the next step.
        """
        model, data, scene, reference = self._model, self._data, self._scene, self._reference
        twist = self._command[self._twist]
        linear, angular = scene.base_rotation @ twist[:3], scene.base_rotation @ twist[3:]
        reference.set_velocity(linear, angular, dt=model.opt.timestep)
        reference.limit_lead(*scene.grip, *self._max_lead)
        data.ctrl[scene.fingers] = scene.fingers_at(self._command[self._gripper] if self._gripper else 0.0)
        self._wrist.reset()
        for _ in range(self.spec.period_ns // suite.PHYSICS_STEP_NS):
            reference.advance()
            data.ctrl[scene.arm] = self._controller.torques(reference)
            mujoco.mj_step2(model, data)
            self._wrist.sample()
            mujoco.mj_step1(model, data)


def _abilities(task: suite.Task) -> Abilities:
    needed = {"twist": 6, "gripper": 1} if task.fingers is None else {"twist": 6}
    return Abilities(modes={"cartesian_velocity": needed}, sensed=_SENSED, step_ns=suite.PHYSICS_STEP_NS)


def _check_goal(spec: Spec, task: suite.Task) -> None:
    if {"goal_pose", "privileged_goal_pose"} & set(spec.observation) and not task.goal:
        raise ConfigError("observation 'goal_pose': this task has no goal that could be sensed; leave the field out")
