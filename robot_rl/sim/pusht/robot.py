"""PushT as a Robot: a round finger on a table, driven by velocity or by position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Outcome, Reading, RobotError, SceneState
from robot_rl.sim.clock import SteppedClock
from robot_rl.sim.commands import accepted
from robot_rl.sim.pusht.scene import scene_xml
from robot_rl.sim.pusht.table import STEP_NS, Table, corners
from robot_rl.spec import Spec

Array = NDArray[np.float64]

_SENSED = {"finger": 2, "block_pose": 3, "block_corners": 16}
_ACCEPTED = {"planar_velocity": {"velocity": 2}, "planar_position": {"position": 2}}


class PushT:
    """Robot and Simulated over gym-pusht's physics, start states and measure of success.

    Control mode `planar_velocity`: `velocity` (2,) [m/s] of the finger. Control mode `planar_position`: `position`
    (2,) [m] that a spring draws it to, gym-pusht's own action. `stop` holds the finger where it is.

    Senses `finger` (2,) [m], `block_pose` (3,) [m, m, rad] and `block_corners` (16,) [m], x and y of the T's eight
    corners in turn. World frame: x to the right and y down the picture, z into the table.

    Args:
        spec: what it senses and accepts; any subset of the fields above, a whole multiple of 10 ms as period.
        seed: of the start states drawn by `reset()` without a seed.
        threshold: the share of the goal that must be covered; gym-pusht's own is 0.95.

    Raises:
        ConfigError: a spec or an option that does not fit.
        MissingExtraError: gym-pusht is not installed.
    """

    def __init__(self, spec: Spec, *, seed: int = 0, threshold: float = 0.95) -> None:
        _check_spec(spec)
        if not 0.0 < threshold < 1.0:
            raise ConfigError(f"robot '{spec.robot}': threshold {threshold}: a share above 0 and below 1")
        self.spec = spec
        self.clock = SteppedClock(spec.period_ns, self._step_period)
        self._table, self._threshold = Table(), threshold
        self._seeds = np.random.default_rng(seed)
        self._closed = False
        self.reset()

    def reset(self, seed: int | None = None) -> Reading:
        """gym-pusht's start state for this seed. Equal seeds give bit-identical states whatever happened before."""
        self._check_open()
        self._table.draw(int(self._seeds.integers(2**31)) if seed is None else seed)
        self.stop()
        self.clock.skip()
        return self.read()

    def read(self) -> Reading:
        """The present state; every field has the present simulated stamp."""
        self._check_open()
        block = self._table.block
        sensed = {"finger": self._table.finger, "block_pose": block, "block_corners": corners(block).reshape(16)}
        names = self.spec.observation
        return Reading({n: sensed[n] for n in names}, dict.fromkeys(names, self.clock.now()))

    def send(self, action: Array) -> Array:
        """Move at this velocity, or to this position (2,), from now on.

        Returns what was really sent: `action` within the spec's bounds. Raises RobotError if it is not finite.
        """
        self._check_open()
        self._command = accepted(action, self.spec.action)
        return self._command.copy()

    def stop(self) -> None:
        """Hold the finger where it is."""
        self._check_open()
        self._command = np.zeros(2) if self.spec.control_mode == "planar_velocity" else self._table.finger

    def close(self) -> None:
        """Release the scene; later calls raise RobotError."""
        self._closed = True

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

    def _step_period(self) -> None:
        self._check_open()
        move = self._table.push if self.spec.control_mode == "planar_velocity" else self._table.pull
        move(self._command, self.spec.period_ns // STEP_NS)

    def _check_open(self) -> None:
        if self._closed:
            raise RobotError(f"robot '{self.spec.robot}' is closed; make a new one")


def _check_spec(spec: Spec) -> None:
    if spec.control_mode not in _ACCEPTED:
        raise ConfigError(f"control mode '{spec.control_mode}' does not fit: PushT has {', '.join(_ACCEPTED)}")
    needed = _ACCEPTED[spec.control_mode]
    if (sizes := {name: f.size for name, f in spec.action.items()}) != needed:
        raise ConfigError(f"action fields {sizes} do not fit: {spec.control_mode} takes {needed}")
    for name, field in spec.observation.items():
        if name not in _SENSED:
            raise ConfigError(f"observation '{name}' is not sensed in PushT; it has {', '.join(_SENSED)}")
        if field.shape != (_SENSED[name],):
            raise ConfigError(f"observation '{name}' has shape ({_SENSED[name]},), not {field.shape}")
    if spec.period_ns % STEP_NS:
        raise ConfigError(f"rate {spec.rate:g} Hz: its period must be a whole multiple of the physics step, 10 ms")
