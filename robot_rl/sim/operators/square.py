"""A scripted person with a gamepad who puts a square nut on its peg, or watches a policy do it and steps in."""

from __future__ import annotations

import math

import numpy as np

from robot_rl.hardware.config import RobotConfig
from robot_rl.hardware.robot import Reading
from robot_rl.sim.operators.pick import PickOperator, Recovery
from robot_rl.sim.operators.pick_hand import Skill
from robot_rl.sim.operators.pick_job import Grip, Job, Place, Plan, Way
from robot_rl.sim.operators.pick_view import heading, nearest
from robot_rl.sim.operators.pick_watch import Attention
from robot_rl.sim.operators.wrist import azimuth, choose, turns, wrist_joint

_HANDLE = 0.054
"""The middle of the handle on the nut's x axis [m]."""
_HIGHER = 0.006
"""Of the grip over the middle of the handle: at its height the finger tips would scrape along the table [m]."""
_OVER = 0.12
"""Of the nut over the middle of the peg, whose top is at 0.1 m, while it travels [m]."""


def plan(reading: Reading, whim: float, rng: np.random.Generator) -> Plan:
    """The handle is taken across, the gripper one way round or the other, and ends up towards the robot.

    With the handle beyond the peg or beside it, the gripper would be at the end of the arm's reach.
    """
    nut, ee, goal = (reading.values[name] for name in ("object_pose", "ee_pose", "goal_pose"))
    facing, joint = heading(nut[3:]), wrist_joint(reading)
    then = nearest(heading(goal[3:]) + math.pi - facing, 2.0 * math.pi)
    options = []
    for across in (0.5 * math.pi, -0.5 * math.pi):
        first = nearest(facing + across - heading(ee[3:]), 2.0 * math.pi)
        there = joint + azimuth(nut) - azimuth(ee)
        if turns(there, first) and turns(there + azimuth(goal) - azimuth(nut), first + then):
            options.append((abs(first), across))
    across = choose(options, whim, rng) if options else 0.5 * math.pi
    along = _HANDLE + whim * float(rng.uniform(-0.004, 0.008))
    grip = Grip(point=(along, 0.0, _HIGHER), heading=across)
    return Plan(grip, Place(over=_OVER, drop=0.0, aligned=0.006, turn=math.pi))


JOB = Job(plan=plan, way=Way(hover=0.06, aligned=0.008, turned=0.1), empty=0.01, loose=0.04, top=0.02)


class SquareOperator(PickOperator):
    """Operator of `sim_square`. See PickOperator."""

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
