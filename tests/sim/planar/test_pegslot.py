"""PegSlot as a robot: seeds, what it senses, when it ends, pictures, gymnasium, and its operator."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from robot_rl.datasets.record import Phase
from robot_rl.hardware import config
from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Reading, RobotError
from robot_rl.hardware.teleop import Teleop
from robot_rl.runtime.arbiter import Arbiter, Proposal
from robot_rl.sim.environment import make_env
from robot_rl.sim.operators.pegslot import PegSlotOperator
from robot_rl.sim.planar.pegslot import PegSlot
from robot_rl.sim.renderer import SceneRenderer

EASY, HARD = config.load("sim_pegslot"), config.load("sim_pegslot_hard")


def make(loaded=EASY, **options) -> PegSlot:
    return config.make(loaded, **options)


def advance(robot: PegSlot, action, steps: int = 1) -> Reading:
    for _ in range(steps):
        robot.send(np.asarray(action, dtype=float))
        robot.clock.sleep_until(robot.clock.now() + robot.spec.period_ns)
    return robot.read()


def episode(loaded, quality: str, seed: int, policy=None) -> tuple[int, list[Phase]]:
    """One episode through teleoperation and arbiter: its length if it succeeded, else 0; and its phases."""
    robot, operator = make(loaded), config.make_operator(loaded, quality)
    teleop, arbiter = Teleop(loaded.spec, loaded.teleop), Arbiter.from_config(loaded)
    arbiter.reset("demonstration" if policy is None else "deployment")
    reading, phases = robot.reset(seed), []
    operator.reset(seed)
    for i in range(loaded.task["horizon"]):
        now = robot.clock.now()
        human = teleop.interpret(operator.input(reading, policy_active=policy is not None), reading)
        decision = arbiter.decide(now, reading, human, Proposal(now, policy(reading)) if policy else None)
        phases.append(decision.phase)
        reading = advance(robot, decision.action)
        outcome = robot.outcome()
        if outcome.success or outcome.terminated:
            return (i + 1 if outcome.success else 0), phases
    return 0, phases


def test_equal_seeds_give_bit_identical_episodes_whatever_happened_before():
    first, second = make(), make(seed=9)
    advance(second, [0.05, -0.05, 0.4], 7)
    for robot in (first, second):
        robot.reset(4)
    for _ in range(15):
        a, b = advance(first, [0.01, -0.03, 0.1]), advance(second, [0.01, -0.03, 0.1])
        for name in a.values:
            np.testing.assert_array_equal(a.values[name], b.values[name])


@pytest.mark.parametrize(("loaded", "bias"), [(EASY, 0.002), (HARD, 0.004)])
def test_the_measured_slot_is_off_by_a_bias_that_spans_its_range_and_stays(loaded, bias):
    robot, errors = make(loaded), []
    for seed in range(200):
        values = robot.reset(seed).values
        errors.append(values["slot"][0] - values["privileged_slot"][0])
    assert 0.95 * bias < max(errors) <= bias
    assert -bias <= min(errors) < -0.95 * bias
    later = advance(robot, [0.02, -0.02, 0.0], 10).values
    assert later["slot"][0] - later["privileged_slot"][0] == errors[-1]


def test_the_reference_never_leads_by_more_than_its_limit_and_the_force_follows_from_it():
    robot = make(bias=0.0)
    slot = robot.reset(1).values["privileged_slot"][0]
    tip = robot.read().values["tip"]
    reading = advance(robot, [math.copysign(0.05, tip[0] - slot), -0.05, 0.0], 25)
    assert reading.values["lead"][1] == pytest.approx(-0.008)
    assert reading.values["force"][1] == pytest.approx(16.0, rel=0.01)  # 2000 N/m x 8 mm
    robot.stop()
    assert robot.read().values["lead"].tolist() == [0.0, 0.0, 0.0]


def test_three_steps_above_the_force_limit_end_the_hard_task_and_two_do_not():
    robot = make(HARD)
    robot.reset(1)
    advance(robot, [0.05, 0.0, 0.0], 10)  # well beside the slot
    steps = 0
    while not robot.outcome().terminated:
        reading = advance(robot, [0.0, -0.05, 0.0])
        steps = steps + 1 if reading.values["force"][1] > 9.0 else 0
        assert robot.outcome().terminated == (steps == 3)
    advance(robot, [0.0, 0.05, 0.0], 5)
    assert robot.outcome().terminated  # letting go afterwards does not undo it
    assert not robot.outcome().success


def test_a_command_is_clipped_and_one_that_is_not_finite_refused():
    robot = make()
    assert robot.send(np.array([1.0, -1.0, 0.0])).tolist() == [0.05, -0.05, 0.0]
    with pytest.raises(RobotError, match="finite"):
        robot.send(np.array([math.nan, 0.0, 0.0]))
    robot.close()
    with pytest.raises(RobotError, match="closed"):
        robot.read()


def test_options_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="clearance"):
        make(clearance=-0.001)
    with pytest.raises(ConfigError, match="bias"):
        make(bias=math.nan)
    with pytest.raises(ConfigError, match="wobble"):
        make(wobble=1.0)


def test_the_picture_shows_the_peg_where_the_state_has_it():
    robot = make()
    robot.reset(0)
    renderer = SceneRenderer(robot.scene_xml())
    state = robot.scene_state()
    columns = []
    for x in (-0.02, 0.02):
        picture = renderer.render(np.array([0.0, x, 0.01, 0.0]), "front", 64, 64).astype(int)
        orange = (picture[..., 0] > 1.5 * picture[..., 2]) & (picture[..., 0] > 60)
        columns.append(np.nonzero(orange)[1].mean())
    renderer.close()
    assert state.qpos[1:].tolist() == robot.read().values["tip"].tolist()
    # 0.04 m at 0.19 m (the peg's front face) and fovy 34 deg: 64 px span 2 x 0.19 x tan(17 deg) = 0.116 m
    assert columns[1] - columns[0] == pytest.approx(0.04 / 0.116 * 64, abs=1.5)


@pytest.mark.parametrize("name", ["sim_pegslot", "sim_pegslot_hard"])
def test_the_environment_passes_gymnasiums_checks(name):
    env = make_env(name)
    check_env(env, skip_render_check=True)
    env.close()


def test_pictures_of_64_pixels_come_with_the_state():
    env = make_env("sim_pegslot", cameras=("front",))
    observation, _ = env.reset(seed=0)
    assert observation["front"].shape == (64, 64, 3)
    assert observation["front"].std() > 10.0
    env.close()


def test_the_expert_nearly_always_succeeds_on_the_easy_task():
    lengths = [episode(EASY, "expert", seed)[0] for seed in range(40)]
    assert sum(n > 0 for n in lengths) >= 38


def blind(reading: Reading) -> np.ndarray:
    """Straight to where the slot seems to be, then down, whatever is felt."""
    x, z, theta = reading.values["tip"]
    off = reading.values["slot"][0] - x
    down = -0.02 if abs(off) < 0.001 and abs(theta) < 0.02 else max(-0.02, 0.003 - z)
    return np.clip(5.0 * np.array([off, down, -theta]), EASY.spec.action.low, EASY.spec.action.high)


def test_watching_it_saves_most_episodes_of_a_blind_policy_by_short_corrections():
    alone, helped, longest = 0, 0, 0
    for seed in range(30):
        robot = make()
        reading = robot.reset(seed)
        for _ in range(EASY.task["horizon"]):
            reading = advance(robot, blind(reading))
        alone += robot.outcome().success
        length, phases = episode(EASY, "expert", seed, policy=blind)
        helped += length > 0
        runs = "".join("c" if p == Phase.CORRECTION else "-" for p in phases).split("-")
        longest = max(longest, *map(len, runs))
    assert alone <= 15
    assert helped >= alone + 10
    assert helped >= 24
    assert 1 < longest <= 10


def test_watching_it_leaves_a_good_policy_alone():
    expert = PegSlotOperator(EASY, seed=3)
    teleop = Teleop(EASY.spec, EASY.teleop)

    def good(reading: Reading) -> np.ndarray:
        return teleop.interpret(expert.input(reading, policy_active=False), reading).action

    for seed in range(5):
        expert.reset(seed + 50)
        length, phases = episode(EASY, "expert", seed, policy=good)
        assert length > 0
        assert set(phases) == {Phase.AUTONOMOUS}


def test_an_unknown_quality_is_refused():
    with pytest.raises(ConfigError, match="quality"):
        PegSlotOperator(EASY, quality="god")


def test_a_mixed_demonstrator_fails_now_and_then_on_the_hard_task_by_pressing_too_hard():
    succeeded = sum(episode(HARD, "mixed", seed)[0] > 0 for seed in range(50))
    assert 36 <= succeeded <= 47
