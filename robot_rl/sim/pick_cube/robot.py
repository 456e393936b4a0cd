"""gym-hil's PandaPickCube as a Robot: linear velocity of the gripper in, proprioception and the cube's pose out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robot_rl.hardware.robot import Outcome, SceneState
from robot_rl.sim.abilities import Abilities
from robot_rl.sim.pick_cube.scene import PHYSICS_STEP_NS, Scene, scene_xml
from robot_rl.sim.stepped import SteppedRobot
from robot_rl.spec import Spec

Array = NDArray[np.float64]

_ABILITIES = Abilities(
    modes={"linear_velocity": {"velocity": 3, "gripper": 1}},
    sensed={
        "joint_position": 7,
        "joint_velocity": 7,
        "ee_pose": 7,
        "ee_position": 3,
        "gripper_position": 1,
        "gripper_command": 1,
        "object_pose": 7,
        "object_position": 3,
    },
    step_ns=PHYSICS_STEP_NS,
)


class PickCube(SteppedRobot):
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
        super().__init__(spec, _ABILITIES, seed)
        self._scene = Scene(spec.period_ns * 1e-9, random=random)
        self._velocity, self._gripper = spec.action.slices["velocity"], spec.action.slices["gripper"]
        self.reset()

    def _begin(self, seed: int) -> None:
        """gym-hil's start state for this seed, the gripper open."""
        self._scene.draw(seed)

    def _sense(self) -> Mapping[str, ArrayLike]:
        scene = self._scene
        position, velocity = scene.joints
        gripper, cube = scene.gripper_pose, scene.cube_pose
        return {
            "joint_position": position,
            "joint_velocity": velocity,
            "ee_pose": gripper,
            "ee_position": gripper[:3],
            "gripper_position": (scene.opening,),
            "gripper_command": (scene.closed,),
            "object_pose": cube,
            "object_position": cube[:3],
        }

    def stop(self) -> None:
        """Hold the gripper where it is, and its fingers as they were commanded."""
        super().stop()
        self._scene.hold()

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

    def _step(self) -> None:
        self._scene.step(self._command[self._velocity], float(self._command[self._gripper][0]))
