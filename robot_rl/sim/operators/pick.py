"""A scripted person with a gamepad who picks and places, or watches a policy do it and steps in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.config import RobotConfig
from robot_rl.hardware.human import AXES, DeviceInput
from robot_rl.hardware.robot import Reading
from robot_rl.sim.operators.axes import full_axis
from robot_rl.sim.operators.pick_hand import Hand, Skill
from robot_rl.sim.operators.pick_job import Job
from robot_rl.sim.operators.pick_view import OPEN, View
from robot_rl.sim.operators.pick_watch import Attention, Watch
from robot_rl.sim.operators.skill import check_sees, skill_of

Array = NDArray[np.float64]

QUALITIES = {
    "expert": Skill(),
    "mixed": Skill(speed=(0.4, 0.9), noise=0.2, pauses=0.3, misses=0.15),
    "poor": Skill(speed=(0.3, 0.7), noise=0.35, pauses=0.5, misses=0.35),
}

PLACING = {
    "expert": Skill(),
    "mixed": Skill(speed=(0.5, 0.9), noise=0.15, pauses=0.25, misses=0.15, misplaces=0.15, whim=1.0),
    "poor": Skill(speed=(0.4, 0.7), noise=0.25, pauses=0.4, misses=0.35, misplaces=0.35, whim=1.0),
}
"""The same for tasks where things are put down, which take longer and more care."""

_DRIVEN = tuple(AXES.index(a) for a in ("x", "y", "z", "yaw"))


@dataclass(frozen=True)
class Recovery:
    """When the operator lets go of the rewind button: the state is familiar again, or rewinding leads no further."""

    height: float = 0.06
    """Of the gripper over the object, with the fingers open [m]."""
    shortest: float = 0.25
    """[s]"""
    longest: float = 3.0
    """[s]"""
    still: float = 0.5
    """The gripper has not moved by `moved` for this long [s]: there is nothing left to undo."""
    moved: float = 0.005
    """[m]"""


class _Rewind:
    """One press of the rewind button: tells when to let go."""

    def __init__(self, recovery: Recovery, period: float) -> None:
        self._recovery, self._period = recovery, period
        self._elapsed = 0.0
        self._still = 0.0
        self._place: Array | None = None

    def done(self, view: View) -> bool:
        """Called once every `period` [s] while the button is held."""
        rules = self._recovery
        self._elapsed += self._period
        self._still += self._period
        if self._place is None or math.dist(view.gripper, self._place) > rules.moved:
            self._place, self._still = view.gripper, 0.0
        familiar = view.above > rules.height and view.opening > OPEN
        return (
            self._elapsed > rules.longest or self._still > rules.still or (familiar and self._elapsed > rules.shortest)
        )


class PickOperator:
    """Operator of an arm with a gripper; sees `ee_pose`, `object_pose`, `gripper_position`.

    To put things down it also sees `goal_pose`, and `joint_position` for how far the wrist can turn.

    Demonstrating, it holds the clutch throughout: over the object, down, close, up, over its place, down, open.
    Watching, it keeps off the clutch while things go well. Once failure looms it intervenes as RaC asks for (Hu et
    al., "RaC: robot learning for long-horizon tasks by scaling recovery and correction", 2025): first it holds
    `rewind` until the gripper is back over the object and open, then it takes the clutch and finishes the task.

    Args:
        config: of the robot; the teleop section says how fast each full axis moves the arm.
        job: what is picked up and where it goes.
        quality: one of `qualities`, or the skill itself.
        seed: of the noise and of what is drawn for each episode.
        attention: when a watched policy counts as failing.
        recovery: when rewinding ends.
        places: the object has a place to go to; if not, lifting it is all.
        qualities: by default `QUALITIES`, or `PLACING` where things are put down.
        turns: the gripper can turn about z; if not, the plan must take the object as the gripper is turned.

    Raises:
        ConfigError: no such quality, a field it looks at is not sensed, or an axis it needs drives nothing.
    """

    def __init__(
        self,
        config: RobotConfig,
        job: Job,
        *,
        quality: str | Skill = "expert",
        seed: int = 0,
        attention: Attention | None = None,
        recovery: Recovery | None = None,
        places: bool = True,
        qualities: Mapping[str, Skill] | None = None,
        turns: bool = True,
    ) -> None:
        if qualities is None:
            qualities = PLACING if places else QUALITIES
        self._skill = skill_of(quality, qualities) if isinstance(quality, str) else quality
        needed = ("ee_pose", "object_pose", "gripper_position") + (("goal_pose", "joint_position") if places else ())
        check_sees(config, *needed)
        driven, needs = (_DRIVEN, "x, y, z and yaw") if turns else (_DRIVEN[:3], "x, y and z")
        full = [full_axis(config, AXES[i], needs) for i in driven]
        self._full = np.array([*full, *[math.inf] * (4 - len(full))])  # (4,) [m/s, rad/s]
        self._driven = driven
        self._period = 1.0 / config.spec.rate
        self._attention, self._recovery = attention or Attention(), recovery or Recovery()
        self._job, self._places, self._seed = job, places, seed
        self.reset(seed)

    def reset(self, seed: int | None = None) -> None:
        """A new episode: draws how well it will be done; hands off until asked."""
        rng = np.random.default_rng(self._seed if seed is None else seed)
        self._hand = Hand(self._job, self._skill, self._full, self._period, rng)
        self._watch = Watch(self._attention, self._period, self._job.top, self._places)
        self._rewind: _Rewind | None = None
        self._correcting = False
        self.reason = ""
        """Why the operator has stepped in; empty while it has not."""

    def input(self, reading: Reading, *, policy_active: bool) -> DeviceInput:
        """The device at this moment; called once a control period."""
        if policy_active and not self._correcting:
            return DeviceInput(reading.stamp, np.zeros(len(AXES)), self._observe(reading))
        axes = np.zeros(len(AXES))
        motion, grip = self._hand.move(reading)
        axes[list(self._driven)] = motion[: len(self._driven)]
        return DeviceInput(reading.stamp, axes, frozenset({"clutch", grip}))

    def _observe(self, reading: Reading) -> frozenset[str]:
        """The buttons of one who watches: none, then rewind, and in the end the clutch."""
        view = self._hand.see(reading)
        if self._rewind is None:
            self.reason = self._watch.worry(view)
            if not self.reason:
                return frozenset()
            self._rewind = _Rewind(self._recovery, self._period)
            self._hand.careful()
        self._correcting = self._rewind.done(view)
        grip = "close" if self._places and view.held else "open"
        return frozenset({"clutch", grip} if self._correcting else {"rewind"})
