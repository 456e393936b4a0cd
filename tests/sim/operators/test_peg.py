"""PegOperator through the real teleoperation, arbiter and robot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest

from robot_rl.datasets.record import Phase
from robot_rl.hardware import config
from robot_rl.hardware.config import ConfigError
from robot_rl.sim.operators.peg import PegOperator
from robot_rl.sim.robosuite_arm import RobosuiteArm

CONFIG = config.load("sim_peg")
Episode = Callable[..., tuple[int, list[Phase]]]


@pytest.fixture(scope="module")
def arm() -> Iterator[RobosuiteArm]:
    robot = RobosuiteArm(CONFIG.spec, **CONFIG.options)
    yield robot
    robot.close()


@pytest.mark.parametrize("quality", ["expert", "mixed"])
def test_demonstrations_succeed(arm: RobosuiteArm, episode: Episode, quality: str) -> None:
    for seed in range(3):
        length, phases = episode(CONFIG, arm, PegOperator(CONFIG, quality=quality), seed)
        assert length > 0
        assert set(phases) == {Phase.DEMONSTRATION}


def test_a_policy_that_trusts_the_biased_goal_is_corrected_for_a_moment_at_a_time(
    arm: RobosuiteArm, episode: Episode
) -> None:
    idle = np.zeros(6)
    length, phases = episode(CONFIG, arm, PegOperator(CONFIG), 0, lambda reading: idle)
    assert length > 0
    changes = [a for a, b in pairwise(phases) if a != b]
    assert changes[0] == Phase.AUTONOMOUS
    assert changes[1] == Phase.CORRECTION
    assert phases.index(Phase.CORRECTION) in (39, 40)  # two seconds of patience at 20 Hz


def test_unknown_qualities_and_robots_without_the_true_hole_are_refused() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'mixed'"):
        PegOperator(CONFIG, quality="mixd")
    with pytest.raises(ConfigError, match="privileged_goal_pose"):
        PegOperator(config.load("sim_square"))
