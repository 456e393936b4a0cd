"""PegOperator through the real teleoperation, arbiter and robot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby, pairwise

import numpy as np
import pytest

from robot_rl.control.safety import Safety
from robot_rl.datasets.record import Phase
from robot_rl.hardware import config
from robot_rl.hardware.config import ConfigError
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeMachine, EpisodeRules
from robot_rl.runtime.loop import run_episode
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


class Pusher:
    """A policy that pushes down for ever, and notes what it feels along z [N]."""

    def __init__(self) -> None:
        self.felt: list[float] = []

    def reset(self, seed: int | None = None) -> None:
        self.felt.clear()

    def act(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        self.felt.append(abs(float(values["wrench"][2])))
        return np.array([0.0, 0.0, -0.1, 0.0, 0.0, 0.0])

    def observe(self, values: Mapping[str, np.ndarray]) -> None: ...

    def interrupt(self) -> None: ...


def test_the_committed_force_limit_ends_a_push_that_would_otherwise_last(arm: RobosuiteArm) -> None:
    pressed: dict[bool, int] = {}
    for limited in (True, False):
        limits = {k: v for k, v in CONFIG.limits.items() if limited or k != "force"}
        pusher, arbiter = Pusher(), Arbiter.from_config(replace(CONFIG, limits=limits))
        machine = EpisodeMachine(EpisodeRules.of_task(CONFIG.task, max_steps=100))
        result = run_episode(arm, arbiter, machine, executor=pusher, purpose="deployment", seed=0)
        beyond = [f > 60.0 for f in pusher.felt]
        pressed[limited] = max(len(list(run)) for on, run in groupby(beyond) if on)
        assert (result.safety.get(Safety.FORCE, 0) > 0) == limited
    assert pressed[True] <= 5, "three readings in a row start the retreat, and it takes a moment to let go"
    assert pressed[False] > 20
