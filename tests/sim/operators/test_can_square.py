"""CanOperator and SquareOperator through the real teleoperation, arbiter and robot."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from robot_rl.datasets.record import Phase
from robot_rl.hardware import config
from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Reading
from robot_rl.sim.operators import can, square
from robot_rl.sim.operators.can import CanOperator
from robot_rl.sim.operators.pick_view import View, heading, nearest
from robot_rl.sim.operators.square import SquareOperator
from robot_rl.sim.operators.wrist import choose, turns
from robot_rl.sim.robosuite_arm import RobosuiteArm
from robot_rl.spec import Layout

OPERATORS = {"sim_can": CanOperator, "sim_square": SquareOperator}
Episode = Callable[..., tuple[int, list[Phase]]]
Acting = Callable[..., Callable[[Reading], np.ndarray]]


@pytest.fixture(scope="module")
def arms() -> Iterator[dict[str, RobosuiteArm]]:
    robots = {name: RobosuiteArm(c.spec, **c.options) for name in OPERATORS for c in [config.load(name)]}
    yield robots
    for robot in robots.values():
        robot.close()


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("quality", ["expert", "mixed"])
def test_demonstrations_succeed(arms: dict[str, RobosuiteArm], episode: Episode, name: str, quality: str) -> None:
    settings = config.load(name)
    length, phases = episode(settings, arms[name], OPERATORS[name](settings, quality=quality), 0)
    assert length > 0
    assert set(phases) == {Phase.DEMONSTRATION}


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATORS)
def test_an_expert_succeeds_in_19_of_20(arms: dict[str, RobosuiteArm], episode: Episode, name: str) -> None:
    settings = config.load(name)
    operator = OPERATORS[name](settings)
    assert sum(episode(settings, arms[name], operator, seed)[0] > 0 for seed in range(50)) >= 48


@pytest.mark.parametrize("name", OPERATORS)
def test_a_good_policy_is_left_alone(
    arms: dict[str, RobosuiteArm], episode: Episode, acting: Acting, name: str
) -> None:
    settings = config.load(name)
    policy = acting(settings, OPERATORS[name](settings), 1, lambda reading, action: None)
    length, phases = episode(settings, arms[name], OPERATORS[name](settings), 1, policy)
    assert length > 0
    assert set(phases) == {Phase.AUTONOMOUS}


def lets_go(reading: Reading, action: np.ndarray) -> None:
    if reading.values["object_pose"][2] > -0.02:
        action[6] = 0.0


def stands_still(reading: Reading, action: np.ndarray) -> None:
    if reading.values["object_pose"][2] > 0.03:
        action[:6] = 0.0


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize(("spoil", "reason"), [(lets_go, "dropped"), (stands_still, "stuck")])
def test_a_failing_policy_is_rewound_and_then_corrected_to_success(
    arms: dict[str, RobosuiteArm],
    episode: Episode,
    acting: Acting,
    name: str,
    spoil: Callable[[Reading, np.ndarray], None],
    reason: str,
) -> None:
    settings = config.load(name)
    operator = OPERATORS[name](settings)
    policy = acting(settings, OPERATORS[name](settings), 3, spoil)
    length, phases = episode(settings, arms[name], operator, 3, policy)
    assert length > 0
    assert operator.reason == reason
    first = [phases.index(p) for p in (Phase.AUTONOMOUS, Phase.RECOVERY, Phase.CORRECTION)]
    assert first == sorted(first)


def test_whimsical_people_take_the_nut_in_several_ways_and_strict_ones_in_the_shortest(
    arms: dict[str, RobosuiteArm],
) -> None:
    reading = arms["sim_square"].reset(0)
    ways = {
        whim: {
            p.grip.heading
            for seed in range(60)
            for p in [square.plan(reading, whim, np.random.default_rng(seed))]
            if p.place is not None
        }
        for whim in (0.0, 1.0)
    }
    assert len(ways[0.0]) == 1
    assert len(ways[1.0]) == 2


def test_a_can_is_taken_from_several_sides_and_across_when_it_lies(arms: dict[str, RobosuiteArm]) -> None:
    reading = arms["sim_can"].reset(0)
    plans = [can.plan(reading, 1.0, np.random.default_rng(seed)) for seed in range(60)]
    assert len({p.grip.heading for p in plans}) == 3
    lying = dict(reading.values)
    half = math.sqrt(0.5)
    lying["object_pose"] = np.array([0.6, -0.1, -0.087, half, 0.0, 0.0, half])  # its axis along -y
    grip = can.plan(Reading(lying, reading.stamps), 1.0, np.random.default_rng(0)).grip
    assert nearest(grip.heading, grip.symmetry) == pytest.approx(0.0)  # the fingers close along x
    assert not grip.follows


def test_a_view_is_worked_out_by_hand(arms: dict[str, RobosuiteArm]) -> None:
    reading = arms["sim_square"].reset(0)
    values = dict(reading.values)
    values["ee_pose"] = np.array([0.5, 0.2, 0.0, 1.0, 0, 0, 0])  # points down, heading 0
    values["object_pose"] = np.array([0.4, 0.1, -0.08, 0, 0, math.sqrt(0.5), math.sqrt(0.5)])  # handle along +y
    values["goal_pose"] = np.array([0.79, 0.1, -0.062, 0, 0, 0, 1.0])
    plan = square.plan(Reading(values, reading.stamps), 0.0, np.random.default_rng(0))
    view = View.of(Reading(values, reading.stamps), square.JOB, plan)
    np.testing.assert_allclose(view.object[:2], [0.4, 0.154], atol=1e-9)
    assert abs(view.turn) == pytest.approx(0.0, abs=1e-9) or abs(view.turn) == pytest.approx(math.pi)
    np.testing.assert_allclose(view.offset, [0.39, 0.0, 0.018], atol=1e-9)
    assert abs(view.twist) == pytest.approx(math.pi / 2) or abs(view.twist) == pytest.approx(math.pi)


def test_headings_and_choices() -> None:
    assert heading(np.array([0, 0, math.sin(0.3), math.cos(0.3)])) == pytest.approx(0.6)
    assert nearest(math.radians(80), math.pi / 2) == pytest.approx(math.radians(-10))
    assert turns(0.785, -1.8)
    assert not turns(0.785, -1.9)  # joint 7 at 2.685
    assert turns(0.785, 3.3)
    counts = np.bincount([choose([(0.0, 0), (0.6, 1)], 1.0, np.random.default_rng(s)) for s in range(500)])
    assert counts[1] / 500 == pytest.approx(math.exp(-1) / (1 + math.exp(-1)), abs=0.06)
    assert all(choose([(0.0, 0), (0.6, 1)], 0.0, np.random.default_rng(s)) == 0 for s in range(50))


def test_a_robot_that_does_not_sense_the_goal_is_refused() -> None:
    settings = config.load("sim_can")
    fields = tuple(f for f in settings.spec.observation.values() if f.name != "goal_pose")
    blind = replace(settings, spec=replace(settings.spec, observation=Layout(fields)))
    with pytest.raises(ConfigError, match="needs the observation goal_pose"):
        CanOperator(blind)
