"""A scripted person with a gamepad who picks up gym-hil's cube, or watches a policy do it and steps in."""

from __future__ import annotations

import math

import numpy as np

from robot_rl.hardware.config import RobotConfig
from robot_rl.hardware.robot import Reading
from robot_rl.sim.operators.pick import PickOperator, Recovery
from robot_rl.sim.operators.pick_hand import Skill
from robot_rl.sim.operators.pick_job import Grip, Job, Plan
from robot_rl.sim.operators.pick_view import heading
from robot_rl.sim.operators.pick_watch import Attention

QUALITIES = {
    "expert": Skill(gain=3.0),
    "mixed": Skill(gain=3.0, speed=(0.5, 0.9), noise=0.15, pauses=0.25, misses=0.15),
    "poor": Skill(gain=3.0, speed=(0.4, 0.7), noise=0.3, pauses=0.4, misses=0.35),
}
"""The arm follows 0.14 s behind, so the hand aims with less gain than on a quicker one."""

PATIENT = Attention(patience=2.0, empty=0.5, beside=math.inf)
"""The gripper begins hardly higher than the cube, so coming low from the side is no failure until the cube moves."""


def as_it_is(reading: Reading, whim: float, rng: np.random.Generator) -> Plan:
    """Take the cube with the gripper as it is turned: gym-hil's cannot turn."""
    return Plan(Grip(heading=heading(reading.values["ee_pose"][3:]), follows=False))


class PickCubeOperator(PickOperator):
    """Operator of `sim_pick_cube`. See PickOperator."""

    def __init__(
        self,
        config: RobotConfig,
        *,
        quality: str | Skill = "expert",
        seed: int = 0,
        attention: Attention | None = None,
        recovery: Recovery | None = None,
    ) -> None:
        super().__init__(
            config,
            Job(plan=as_it_is),
            quality=quality,
            seed=seed,
            attention=attention or PATIENT,
            recovery=recovery,
            places=False,
            qualities=QUALITIES,
            turns=False,
        )
