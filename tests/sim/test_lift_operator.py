"""LiftOperator through the real teleoperation, arbiter and robot: demonstrating, watching, stepping in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from robot_rl.datasets.record import Phase
from robot_rl.hardware import config
from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Reading
from robot_rl.hardware.teleop import Teleop
from robot_rl.runtime.arbiter import Arbiter, Proposal
from robot_rl.sim.operators.lift import LiftOperator
from robot_rl.sim.operators.pick_job import Job, lifting
from robot_rl.sim.operators.pick_view import View
from robot_rl.sim.robosuite_arm import RobosuiteArm

CONFIG = config.load("sim_lift")
PERIOD = CONFIG.spec.period_ns
HORIZON = 300
Policy = Callable[[Reading], np.ndarray]


@pytest.fixture(scope="module")
def arm() -> Iterator[RobosuiteArm]:
    robot = RobosuiteArm(CONFIG.spec, **CONFIG.options)
    yield robot
    robot.close()


def run(arm: RobosuiteArm, operator: LiftOperator, seed: int, policy: Policy | None = None) -> tuple[int, list[Phase]]:
    """One episode: its length when success was held for 5 steps, or 0; and the phase of each step."""
    teleop, arbiter = Teleop(CONFIG.spec, CONFIG.teleop), Arbiter.from_config(CONFIG)
    arbiter.reset("demonstration" if policy is None else "deployment")
    reading = arm.reset(seed)
    operator.reset(seed)
    held, phases = 0, []
    for step in range(HORIZON):
        now = arm.clock.now()
        device = operator.input(reading, policy_active=policy is not None)
        proposal = Proposal(now, policy(reading)) if policy else None
        decision = arbiter.decide(now, reading, teleop.interpret(device, reading), proposal)
        teleop.follow(arm.send(decision.action))
        arm.clock.sleep_until(now + PERIOD)
        reading = arm.read()
        phases.append(decision.phase)
        held = held + 1 if arm.outcome().success else 0
        if held == CONFIG.task["success_hold"]:
            return step + 1, phases
    return 0, phases


def driven_by(operator: LiftOperator, seed: int) -> Policy:
    """A policy that acts as this operator would."""
    teleop = Teleop(CONFIG.spec, CONFIG.teleop)
    operator.reset(seed)
    return lambda reading: teleop.interpret(operator.input(reading, policy_active=False), reading).action


def seen(reading: Reading) -> View:
    """What the operator of a cube makes of a reading."""
    return View.of(reading, Job(), lifting(reading, 0.0, np.random.default_rng(0)))


def towards(target: Callable[[View], np.ndarray], gripper: Callable[[View], float]) -> Policy:
    """A policy that moves straight to a point."""

    def act(reading: Reading) -> np.ndarray:
        view = seen(reading)
        velocity = np.clip(4.0 * (target(view) - view.gripper), -0.25, 0.25)
        return np.array([*velocity, 0.0, 0.0, 0.0, gripper(view)])

    return act


@pytest.mark.parametrize(
    ("quality", "episodes", "shortest", "longest"), [("expert", 5, 25, 45), ("mixed", 20, 35, 70), ("poor", 8, 55, 110)]
)
def test_demonstrations_of_every_quality_succeed(
    arm: RobosuiteArm, quality: str, episodes: int, shortest: int, longest: int
) -> None:
    operator = LiftOperator(CONFIG, quality=quality)
    lengths = [run(arm, operator, seed)[0] for seed in range(episodes)]
    assert sum(n > 0 for n in lengths) >= 0.95 * episodes
    assert shortest < np.mean([n for n in lengths if n]) < longest


def test_a_good_policy_is_left_alone(arm: RobosuiteArm) -> None:
    for seed in range(5):
        policy = driven_by(LiftOperator(CONFIG, quality="mixed"), seed + 100)
        length, phases = run(arm, LiftOperator(CONFIG), seed, policy)
        assert length > 0
        assert set(phases) == {Phase.AUTONOMOUS}


def above(height: float, aside: float = 0.0) -> Callable[[View], np.ndarray]:
    return lambda view: view.object + np.array([0.0, aside, height])


FAILURES: dict[str, tuple[Policy, set[str]]] = {
    "does nothing": (lambda reading: np.zeros(7), {"stuck"}),
    "closes over the cube": (towards(above(0.06), lambda view: float(view.apart < 0.07)), {"closed on nothing"}),
    "comes down beside it": (towards(above(0.0, aside=0.06), lambda view: 0.0), {"beside", "pushed"}),
    "hovers over it": (towards(above(0.1), lambda view: 0.0), {"stuck"}),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failing_policy_is_rewound_and_then_corrected_to_success(arm: RobosuiteArm, failure: str) -> None:
    policy, reasons = FAILURES[failure]
    for seed in range(3):
        operator = LiftOperator(CONFIG)
        length, phases = run(arm, operator, seed, policy)
        assert length > 0
        assert operator.reason in reasons
        first = [phases.index(p) for p in (Phase.AUTONOMOUS, Phase.RECOVERY, Phase.CORRECTION)]
        assert first == sorted(first)
        assert phases == sorted(phases)  # autonomous, then recovery, then correction, and never back


def test_a_cube_let_fall_is_noticed_and_lifted_again(arm: RobosuiteArm) -> None:
    expert = driven_by(LiftOperator(CONFIG), 0)

    def butterfingers(reading: Reading) -> np.ndarray:
        action = expert(reading)
        if reading.values["object_pose"][2] > -0.073:  # 2 cm over where it lay
            action[6] = 0.0
        return action

    operator = LiftOperator(CONFIG)
    length, _ = run(arm, operator, 0, butterfingers)
    assert operator.reason == "dropped"
    assert length > 0


def test_episodes_are_reproducible_from_their_seed(arm: RobosuiteArm) -> None:
    runs = []
    for _ in range(2):
        operator = LiftOperator(CONFIG, quality="poor")
        reading = arm.reset(2)
        operator.reset(2)
        runs.append([operator.input(reading, policy_active=False).axes for _ in range(30)])
    np.testing.assert_array_equal(runs[0], runs[1])


def test_the_gripper_turns_the_short_way_to_the_cubes_sides(arm: RobosuiteArm) -> None:
    reading = arm.reset(0)
    values = dict(reading.values)
    values["ee_pose"] = np.array([0.5, 0, 0, 1.0, 0, 0, 0])  # points down, x axis along x
    half = np.deg2rad(80) / 2
    values["object_pose"] = np.array([0.5, 0, -0.09, 0, 0, np.sin(half), np.cos(half)])
    view = seen(Reading(values, reading.stamps))
    assert view.turn == pytest.approx(np.deg2rad(-10))
    assert view.above == pytest.approx(0.09)


def test_an_unknown_quality_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'mixed'"):
        LiftOperator(CONFIG, quality="mixd")
