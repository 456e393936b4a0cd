"""PushT as a Robot: a round finger on a table, driven by velocity or by position."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Outcome, SceneState
from robot_rl.sim.abilities import Abilities
from robot_rl.sim.pusht.scene import scene_xml
from robot_rl.sim.pusht.table import STEP_NS, Table, corners
from robot_rl.sim.stepped import SteppedRobot
from robot_rl.spec import Spec

Array = NDArray[np.float64]

_ABILITIES = Abilities(
    modes={"planar_velocity": {"velocity": 2}, "planar_position": {"position": 2}},
    sensed={"finger": 2, "block_pose": 3, "block_corners": 16, "corners_from_finger": 16},
    step_ns=STEP_NS,
)


class PushT(SteppedRobot):
    """Robot and Simulated over gym-pusht's physics, start states and measure of success.

    Control mode `planar_velocity`: `velocity` (2,) [m/s] of the finger. Control mode `planar_position`: `position`
    (2,) [m] that a spring draws it to, gym-pusht's own action. `stop` holds the finger where it is.

    Senses `finger` (2,) [m], `block_pose` (3,) [m, m, rad], `block_corners` (16,) [m], x and y of the T's eight corners
    in turn, and `corners_from_finger` (16,) [m], the same less the finger's: pushes are to be placed to the millimetre.
    World frame: x to the right and y down the picture, z into the table.

    Args:
        spec: what it senses and accepts; any subset of the fields above, a whole multiple of 10 ms as period.
        seed: of the start states drawn by `reset()` without a seed.
        threshold: the share of the goal that must be covered; gym-pusht's own is 0.95.

    Raises:
        ConfigError: a spec or an option that does not fit.
        MissingExtraError: gym-pusht is not installed.
    """

    def __init__(self, spec: Spec, *, seed: int = 0, threshold: float = 0.95) -> None:
        super().__init__(spec, _ABILITIES, seed)
        if not 0.0 < threshold < 1.0:
            raise ConfigError(f"robot '{spec.robot}': threshold {threshold}: a share above 0 and below 1")
        self._table, self._threshold = Table(), threshold
        self.reset()

    def _begin(self, seed: int) -> None:
        """gym-pusht's start state for this seed."""
        self._table.draw(seed)

    def _idle(self) -> Array:
        return np.zeros(2) if self.spec.control_mode == "planar_velocity" else self._table.finger

    def _sense(self) -> Mapping[str, ArrayLike]:
        block, finger = self._table.block, self._table.finger
        there = corners(block)
        return {
            "finger": finger,
            "block_pose": block,
            "block_corners": there.reshape(16),
            "corners_from_finger": (there - finger).reshape(16),
        }

    def stop(self) -> None:
        """Hold the finger where it is."""
        self._check_open()
        self._command = self._idle()

    def scene_xml(self) -> str:
        """MJCF of shapes that follow the state; it needs no asset files."""
        self._check_open()
        return scene_xml()

    def scene_state(self) -> SceneState:
        """qpos: x and y of the finger, then x, y and angle of the T; stamped with simulated time."""
        self._check_open()
        qpos = np.concatenate([self._table.finger, self._table.block])
        return SceneState(self.clock.now(), qpos, np.concatenate([self._table.finger_velocity, np.zeros(3)]))

    def outcome(self) -> Outcome:
        """gym-pusht's reward: the share of the goal that is covered over the threshold, at most 1, the success."""
        self._check_open()
        overlap = self._table.overlap()
        return Outcome(reward=min(1.0, overlap / self._threshold), success=overlap > self._threshold)

    def _step(self) -> None:
        move = self._table.push if self.spec.control_mode == "planar_velocity" else self._table.pull
        move(self._command, self.spec.period_ns // STEP_NS)
