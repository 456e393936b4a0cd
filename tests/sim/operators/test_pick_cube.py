"""PickCubeOperator through the real teleoperation, arbiter and robot."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

pytest.importorskip("gym_hil")

from robot_rl.datasets.record import Phase
from robot_rl.hardware import config
from robot_rl.hardware.robot import Reading
from robot_rl.sim.operators.pick_cube import PickCubeOperator
from robot_rl.sim.pick_cube.robot import PickCube

CONFIG = config.load("sim_pick_cube")
Episode = Callable[..., tuple[int, list[Phase]]]
Acting = Callable[..., Callable[[Reading], np.ndarray]]


@pytest.fixture(scope="module")
def robot() -> Iterator[PickCube]:
    made = PickCube(CONFIG.spec, **CONFIG.options)
    yield made
    made.close()


@pytest.mark.parametrize("quality", ["expert", "mixed", "poor"])
def test_demonstrations_succeed(robot: PickCube, episode: Episode, quality: str) -> None:
    length, phases = episode(CONFIG, robot, PickCubeOperator(CONFIG, quality=quality), 0)
    assert length > 0
    assert set(phases) == {Phase.DEMONSTRATION}


@pytest.mark.slow
def test_an_expert_succeeds_in_19_of_20(robot: PickCube, episode: Episode) -> None:
    operator = PickCubeOperator(CONFIG)
    assert sum(episode(CONFIG, robot, operator, seed)[0] > 0 for seed in range(40)) >= 38


def test_a_good_policy_is_left_alone(robot: PickCube, episode: Episode, acting: Acting) -> None:
    policy = acting(CONFIG, PickCubeOperator(CONFIG), 1, lambda reading, action: None)
    length, phases = episode(CONFIG, robot, PickCubeOperator(CONFIG), 1, policy)
    assert length > 0
    assert set(phases) == {Phase.AUTONOMOUS}


def test_a_policy_that_goes_beside_the_cube_is_rewound_and_corrected_to_success(
    robot: PickCube, episode: Episode, acting: Acting
) -> None:
    def aside(reading: Reading, action: np.ndarray) -> None:
        action[:3] = [0.0, -0.2, -0.1]

    operator = PickCubeOperator(CONFIG)
    policy = acting(CONFIG, PickCubeOperator(CONFIG), 3, aside)
    length, phases = episode(CONFIG, robot, operator, 3, policy)
    assert length > 0
    assert operator.reason
    first = [phases.index(p) for p in (Phase.AUTONOMOUS, Phase.RECOVERY, Phase.CORRECTION)]
    assert first == sorted(first)
