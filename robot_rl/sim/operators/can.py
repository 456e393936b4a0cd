"""A scripted person with a gamepad who takes a can to its bin, or watches a policy do it and steps in."""

from __future__ import annotations

import math

import numpy as np

from robot_rl.control import poses
from robot_rl.hardware.config import RobotConfig
from robot_rl.hardware.robot import Reading
from robot_rl.sim.operators.pick import PickOperator, Recovery
from robot_rl.sim.operators.pick_hand import Skill
from robot_rl.sim.operators.pick_job import Grip, Job, Place, Plan, Way
from robot_rl.sim.operators.pick_view import heading
from robot_rl.sim.operators.pick_watch import Attention
from robot_rl.sim.operators.wrist import choose, turns, wrist_joint

_SIDES = (0.0, -0.7, 0.7)
"""The gripper's turns about z before it takes a can that stands: all would do [rad]."""
_OVER = 0.12
"""From the bin's floor a can must rise this high to clear the walls [m]."""

_HEIGHT = 0.022
"""Of the grip over the can's middle: lower, and the palm would stand on the can [m]."""
_NEAR = np.array([-0.045, -0.04])
"""From the middle of the bin to where cans are put: the middle itself is at the end of the arm's reach [m]."""


def plan(reading: Reading, whim: float, rng: np.random.Generator) -> Plan:
    """A can that stands is taken from any side, higher or lower; one that lies, across its axis."""
    can, ee = reading.values["object_pose"], reading.values["ee_pose"]
    axis = poses.rotate(can[3:], np.array([0.0, 0.0, 1.0]))
    if abs(axis[2]) < 0.7:
        across = math.atan2(axis[1], axis[0]) + math.pi / 2
        grip = Grip(heading=across, symmetry=math.pi, follows=False)
        return Plan(grip, Place(over=_OVER, drop=-0.02, aligned=0.02, aside=(float(_NEAR[0]), float(_NEAR[1]))))
    now, joint = heading(ee[3:]), wrist_joint(reading)
    sides = [(abs(s), now + s) for s in _SIDES if turns(joint, s)] or [(0.0, now)]
    turned, height = choose(sides, whim, rng), _HEIGHT + whim * float(rng.uniform(-0.01, 0.01))
    grip = Grip(point=(0.0, 0.0, height), heading=turned, follows=False)
    x, y = _NEAR + whim * rng.uniform(-0.015, 0.015, 2)
    return Plan(grip, Place(over=_OVER, drop=0.01, aligned=0.02, aside=(float(x), float(y))))


JOB = Job(plan=plan, way=Way(hover=0.08, funnel=6.0, aligned=0.008), top=0.055, loose=0.045)


class CanOperator(PickOperator):
    """Operator of `sim_can`. See PickOperator."""

    def __init__(
        self,
        config: RobotConfig,
        *,
        quality: str | Skill = "expert",
        seed: int = 0,
        attention: Attention | None = None,
        recovery: Recovery | None = None,
    ) -> None:
        super().__init__(config, JOB, quality=quality, seed=seed, attention=attention, recovery=recovery)
