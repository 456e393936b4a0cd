"""A robosuite arm as a Robot: Cartesian velocity in, proprioception and the object's pose out."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from robot_rl.control.compliance import ComplianceError, six
from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Outcome, Reading, RobotError, SceneState
from robot_rl.sim import suite
from robot_rl.sim.clock import SteppedClock
from robot_rl.sim.commands import accepted
from robot_rl.sim.operational_space import Gains, OperationalSpaceController, Reference
from robot_rl.sim.wrist import WristSensor
from robot_rl.spec import Spec

Array = NDArray[np.float64]

_SENSED = (
    "joint_position",
    "joint_velocity",
    "ee_pose",
    "gripper_position",
    "object_pose",
    "goal_pose",
    "privileged_goal_pose",
    "wrench",
)


class RobosuiteArm:
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
        _check_spec(spec, suite.task(task))
        self.spec = spec
        self.clock = SteppedClock(spec.period_ns, self._step_period)
        self._task = suite.task(task)
        self._substeps = _substeps(spec)
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
        self._model: mujoco.MjModel = self._engine.sim.model._model
        self._data: mujoco.MjData = self._engine.sim.data._data
        self._goal_bias, self._bias = goal_bias, np.zeros(3)
        self._locate()
        home = np.array(self._engine.robots[0].init_qpos)
        self._controller = OperationalSpaceController(
            self._model, self._data, self._site, self._arm, home, Gains(stiffness=stiffness)
        )
        self._reference = Reference()
        self._seeds = np.random.default_rng(seed)
        self._closed = False
        self._twist, self._gripper = spec.action.slices["twist"], spec.action.slices.get("gripper")
        self._command = np.zeros(spec.action.size)
        spec.observation.pack(self.reset().values)  # says which field does not fit the arm

    def _locate(self) -> None:
        """Look up where the arm, gripper and object lie in MuJoCo's arrays."""
        model, arm = self._model, self._engine.robots[0]
        names = [model.actuator(i).name for i in range(model.nu)]
        grip = [f"{arm.gripper['right'].naming_prefix}gripper_finger_joint{i}" for i in (1, 2)]
        self._arm = np.array([names.index(n) for n in arm.robot_model.arm_actuators])
        self._fingers = np.array([names.index(n) for n in grip])
        self._finger_open = np.abs(model.actuator_ctrlrange[self._fingers]).max(axis=1) * (1.0, -1.0)  # (2,) [m]
        joints = model.actuator_trnid[:, 0]
        self._arm_qpos, self._arm_dofs = model.jnt_qposadr[joints[self._arm]], model.jnt_dofadr[joints[self._arm]]
        self._finger_qpos = model.jnt_qposadr[joints[self._fingers]]
        self._site = model.site(arm.gripper["right"].important_sites["grip_site"]).id
        self._object = model.body(self._task.body).id
        self._goal = model.body(self._task.goal).id if self._task.goal else None
        prefix = arm.gripper["right"].naming_prefix
        self._wrist = WristSensor(model, self._data, f"{prefix}force_ee", f"{prefix}torque_ee", self._site)
        base = model.body(arm.robot_model.root_body).id
        self._base_position = self._data.xpos[base].copy()
        self._base_rotation = self._data.xmat[base].reshape(3, 3).copy()
        self._base_inverse = np.zeros(4)
        mujoco.mju_negQuat(self._base_inverse, self._data.xquat[base])

    def reset(self, seed: int | None = None) -> Reading:
        """A fresh start state, at rest with the gripper open. Equal seeds give bit-identical states
        and readings, in any process."""
        self._check_open()
        drawn = int(self._seeds.integers(2**31)) if seed is None else seed
        suite.reset_engine(self._engine, drawn)
        self._bias[:2] = np.random.default_rng([drawn, 1]).uniform(-self._goal_bias, self._goal_bias, 2)
        self._data.qpos[self._finger_qpos] = self._fingers_at(0.0)
        mujoco.mj_step1(self._model, self._data)
        self._command = np.zeros(self.spec.action.size)
        self._wrist.reset()
        self._hold_pose()
        self.clock.skip()
        return self.read()

    def read(self) -> Reading:
        """The present state, all fields with the present simulated stamp."""
        self._check_open()
        data, stamp = self._data, self.clock.now()
        rotation = np.zeros(4)
        mujoco.mju_mat2Quat(rotation, data.site_xmat[self._site])
        fingers = data.qpos[self._finger_qpos]
        sensed = {
            "joint_position": data.qpos[self._arm_qpos],
            "joint_velocity": data.qvel[self._arm_dofs],
            "ee_pose": self._in_base(data.site_xpos[self._site], rotation, reference=_POINTING_DOWN),
            "gripper_position": np.array([fingers[0] - fingers[1]]),
            "object_pose": self._body_pose(self._object),
        }
        names = self.spec.observation
        if self._goal is not None:
            sensed["privileged_goal_pose"] = self._body_pose(self._goal)
            sensed["goal_pose"] = sensed["privileged_goal_pose"].copy()
            sensed["goal_pose"][:3] += self._bias
        if "wrench" in names:
            sensed["wrench"] = (self._wrist.read().reshape(2, 3) @ self._base_rotation).reshape(6)
        return Reading({n: sensed[n] for n in names}, dict.fromkeys(names, stamp))

    def send(self, action: Array) -> Array:
        """Hold this command (A,) from now on; it takes effect as the clock runs.

        Returns what was really sent: `action` within the spec's bounds. Raises RobotError if it is not finite.
        """
        self._check_open()
        self._command = accepted(action, self.spec.action)
        return self._command.copy()

    def stop(self) -> None:
        """Hold the measured pose, and the gripper as it was commanded."""
        self._check_open()
        self._command = self._command.copy()
        self._command[self._twist] = 0.0
        self._hold_pose()

    def close(self) -> None:
        """Release the scene; later calls raise RobotError."""
        if not self._closed:
            self._engine.close()
            self._closed = True

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
        lost = bool(self._data.xpos[self._object, 2] < self._task.lost_below)
        return Outcome(reward=float(success), success=success, terminated=lost)

    def _step_period(self) -> None:
        """One control period of physics under the held command.

        MuJoCo's step is split so that positions and velocities are fresh whenever this returns: each pass ends
        with the first half of the next step.
        """
        self._check_open()
        model, data, reference = self._model, self._data, self._reference
        twist = self._command[self._twist]
        linear, angular = self._base_rotation @ twist[:3], self._base_rotation @ twist[3:]
        reference.set_velocity(linear, angular, dt=model.opt.timestep)
        reference.limit_lead(*self._measured(), *self._max_lead)
        data.ctrl[self._fingers] = self._fingers_at(self._command[self._gripper] if self._gripper else 0.0)
        self._wrist.reset()
        for _ in range(self._substeps):
            reference.advance()
            data.ctrl[self._arm] = self._controller.torques(reference)
            mujoco.mj_step2(model, data)
            self._wrist.sample()
            mujoco.mj_step1(model, data)

    def _fingers_at(self, closed: float | Array) -> Array:
        """Finger joints (2,) [m] for a command from 0, open, to 1, closed, or where the task keeps them."""
        kept = self._task.fingers
        return self._finger_open * (1.0 - (closed if kept is None else kept))

    def _measured(self) -> tuple[Array, Array]:
        """Position (3,) and rotation (3, 3) of the grip site in the world."""
        return self._data.site_xpos[self._site], self._data.site_xmat[self._site].reshape(3, 3)

    def _hold_pose(self) -> None:
        self._reference.hold(*self._measured())

    def _body_pose(self, body: int) -> Array:
        return self._in_base(self._data.xpos[body], self._data.xquat[body], reference=_UPRIGHT)

    def _in_base(self, position: Array, quaternion: Array, *, reference: Array) -> Array:
        """World position and w x y z quaternion to a base-frame pose (7,), the sign nearest to `reference`."""
        pose = np.empty(7)
        pose[:3] = (position - self._base_position) @ self._base_rotation
        turned = np.zeros(4)
        mujoco.mju_mulQuat(turned, self._base_inverse, quaternion)
        pose[3:6], pose[6] = turned[1:], turned[0]
        if pose[3:] @ reference < 0:
            pose[3:] *= -1.0
        return pose

    def _check_open(self) -> None:
        if self._closed:
            raise RobotError(f"robot '{self.spec.robot}' is closed; make a new one")


# q and -q are the same rotation. Choosing the sign nearest to a fixed rotation keeps the numbers continuous
# within half a turn of it, and independent of the path there.
_POINTING_DOWN = np.array([np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0])  # x y z w
_UPRIGHT = np.array([0.0, 0.0, 0.0, 1.0])


def _check_spec(spec: Spec, task: suite.Task) -> None:
    if spec.control_mode != "cartesian_velocity":
        raise ConfigError(f"control mode '{spec.control_mode}' does not fit: a robosuite arm has cartesian_velocity")
    sizes = {name: f.size for name, f in spec.action.items()}
    needed = {"twist": 6, "gripper": 1} if task.fingers is None else {"twist": 6}
    if sizes != needed:
        raise ConfigError(f"action fields {sizes} do not fit: this task takes {needed}")
    for name in spec.observation:
        if name not in _SENSED:
            raise ConfigError(f"observation '{name}' is not sensed by a robosuite arm; it has {', '.join(_SENSED)}")
    if {"goal_pose", "privileged_goal_pose"} & set(spec.observation) and not task.goal:
        raise ConfigError("observation 'goal_pose': this task has no goal that could be sensed; leave the field out")


def _substeps(spec: Spec) -> int:
    """Physics steps in one control period. Raises ConfigError where they do not fit a whole number of times."""
    count, rest = divmod(spec.period_ns, suite.PHYSICS_STEP_NS)
    if rest or count < 1:
        raise ConfigError(f"rate {spec.rate:g} Hz: its period must be a whole multiple of the physics step, 2 ms")
    return count
