"""Wiping: the surface and the reckoning by hand, the mechanics, the robot, its picture, and its operator."""

from __future__ import annotations

import math
from types import SimpleNamespace

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
from robot_rl.sim.operators.wiping import WipingOperator
from robot_rl.sim.planar.wiping import Wiping, touching
from robot_rl.sim.planar.wiping_task import Progress, Surface, WipingTask
from robot_rl.sim.renderer import SceneRenderer

LOADED = config.load("sim_wiping")
FLAT = {"roughness": [1e-9, 1e-9], "tilt": 0.0, "force_noise": 0.0}


def advance(robot: Wiping, action, steps: int = 1) -> Reading:
    for _ in range(steps):
        robot.send(np.asarray(action, dtype=float))
        robot.clock.sleep_until(robot.clock.now() + robot.spec.period_ns)
    return robot.read()


def episode(quality: str, seed: int, policy=None) -> SimpleNamespace:
    """One episode through teleoperation and arbiter."""
    robot, operator = config.make(LOADED), config.make_operator(LOADED, quality)
    teleop, arbiter = Teleop(LOADED.spec, LOADED.teleop), Arbiter.from_config(LOADED)
    arbiter.reset("demonstration" if policy is None else "deployment")
    reading, out = robot.reset(seed), SimpleNamespace(success=False, share=0.0, phases=[], forces=[])
    operator.reset(seed)
    for _ in range(LOADED.task["horizon"]):
        now = robot.clock.now()
        human = teleop.interpret(operator.input(reading, policy_active=policy is not None), reading)
        decision = arbiter.decide(now, reading, human, Proposal(now, policy(reading)) if policy else None)
        out.phases.append(decision.phase)
        reading = advance(robot, decision.action)
        out.forces.append(float(reading.values["force"][1]))
        outcome = robot.outcome()
        out.share += outcome.reward
        if outcome.success or outcome.terminated:
            out.success = outcome.success
            break
    return out


def test_height_and_slope_of_a_surface_are_hand_worked_and_agree():
    surface = Surface(0.001, 0.1, (0.002,), (0.08,), (math.pi / 2,), 1e4)
    assert surface.height(0.0) == pytest.approx(0.003) and surface.height(0.02) == pytest.approx(0.003)
    assert surface.slope(0.0) == pytest.approx(0.1) and surface.slope(0.02) == pytest.approx(0.1 - 0.05 * math.pi)
    numeric = (surface.height(0.0131) - surface.height(0.0129)) / 0.0002
    assert surface.slope(0.013) == pytest.approx(numeric, rel=1e-4)


def test_the_force_of_contact_is_normal_to_the_surface_and_begins_at_its_height():
    slope = Surface(0.0, 0.75, (), (), (), 1e4)
    assert touching((0.1, 0.0751, 0.0), slope) == []
    (contact,) = touching((0.1, 0.0650, 0.0), slope)
    assert contact.normal == pytest.approx((-0.6, 0.8)) and contact.depth == pytest.approx(0.008)


def test_ground_counts_once_and_only_where_the_force_lay_in_the_band():
    progress = Progress(WipingTask(length=0.1, band=(3.0, 7.0), share=0.8))
    assert progress.add(-0.01, 5.0) == 0.0
    assert progress.add(0.04, 5.0) == pytest.approx(0.4)
    assert progress.add(0.02, 5.0) == 0.0, "back over the same ground"
    assert progress.add(0.05, 7.5) == 0.0, "passed over too hard, for good"
    assert progress.add(0.05, 5.0) == 0.0 and not progress.ended
    assert progress.add(0.2, 3.0) == pytest.approx(0.5), "the path ends at 0.1"
    assert progress.share == pytest.approx(0.9) and progress.ended and progress.success
    hard = Progress(WipingTask(length=0.1))
    hard.add(0.05, 15.1)
    assert hard.ended and not hard.success


def test_equal_seeds_give_bit_identical_episodes_whatever_happened_before():
    first, second = config.make(LOADED), config.make(LOADED, seed=9)
    advance(second, [0.05, -0.05], 7)
    for robot in (first, second):
        robot.reset(4)
    for _ in range(15):
        a, b = advance(first, [0.02, -0.02]), advance(second, [0.02, -0.02])
        for name in a.values:
            np.testing.assert_array_equal(a.values[name], b.values[name])
    assert a.values["force"][1] > 1.0


def test_the_force_is_the_springs_and_no_command_presses_harder_than_the_lead_allows():
    robot = config.make(LOADED, **FLAT, force_limit=20.0)
    robot.reset(0)
    reading = advance(robot, [0.0, -0.05], 40)
    assert reading.values["lead"][1] == pytest.approx(-0.008)
    assert reading.values["force"][1] == pytest.approx(16.0, rel=1e-3)  # 2000 N/m x 8 mm, at rest
    moving = advance(robot, [0.02, 0.0], 30)
    assert moving.values["force"][1] == pytest.approx(16.0, rel=0.01)
    # friction 0.15 x 16 N holds back, and so does the hand's damping, 100 N s/m x 20 mm/s
    assert moving.values["force"][0] == pytest.approx(-2.4, rel=0.01)
    assert moving.values["lead"][0] == pytest.approx((2.4 + 2.0) / 2000, rel=0.02)
    robot.stop()
    assert robot.read().values["lead"].tolist() == [0.0, 0.0]


def test_pressing_too_hard_ends_it_and_so_does_the_end_of_an_unwiped_path():
    robot = config.make(LOADED)
    robot.reset(1)
    advance(robot, [0.0, -0.05], 40)
    assert robot.outcome().terminated and not robot.outcome().success
    robot.reset(1)
    advance(robot, [0.05, 0.02], 100)  # above the surface all the way
    assert robot.outcome().terminated and robot.outcome().reward == 0.0


def test_a_command_is_clipped_and_one_that_is_not_finite_refused():
    robot = config.make(LOADED)
    assert robot.send(np.array([1.0, -1.0])).tolist() == [0.05, -0.05]
    with pytest.raises(RobotError, match="finite"):
        robot.send(np.array([math.nan, 0.0]))
    robot.close()
    with pytest.raises(RobotError, match="closed"):
        robot.read()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"band": [7.0, 3.0]}, "band"),
        ({"band": [3.0, 20.0]}, "reach 15.0 N"),
        ({"stiffness": [0.0, 1.0]}, "stiffness"),
        ({"share": 1.5}, "share 1.5"),
        ({"waves": [[0.1, 0.05]]}, "waves"),
        ({"tilt": math.nan}, "tilt"),
        ({"force_noise": -1.0}, "force_noise"),
        ({"wobble": 1.0}, "wobble"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        config.make(LOADED, **options)


def test_the_environment_passes_gymnasiums_checks():
    env = make_env("sim_wiping")
    check_env(env, skip_render_check=True)
    env.close()


def test_the_picture_shows_tool_and_surface_where_the_state_has_them():
    robot = config.make(LOADED)
    robot.reset(0)
    renderer = SceneRenderer(robot.scene_xml())
    state = robot.scene_state()
    assert state.qpos[-2:].tolist() == robot.read().values["tip"].tolist()
    seen = []
    for x, height in ((0.045, 0.0), (0.105, 0.01)):
        qpos = state.qpos.copy()
        qpos[:-2], qpos[-2:] = height, (x, 0.02)
        picture = renderer.render(qpos, "front", 64, 64).astype(int)
        orange = (picture[..., 0] > 1.5 * picture[..., 2]) & (picture[..., 0] > 60)
        blue = (picture[..., 2] > 1.1 * picture[..., 0]) & (picture[..., 2] > 40)
        seen.append((np.nonzero(orange)[1].mean(), np.nonzero(blue)[0].min()))
    renderer.close()
    # 60 mm at 0.29 m (the near faces) and fovy 36 deg: 64 px span 2 x 0.29 x tan(18 deg) = 0.188 m
    assert seen[1][0] - seen[0][0] == pytest.approx(0.06 / 0.188 * 64, abs=1.5)
    assert 2 <= seen[0][1] - seen[1][1] <= 5  # 10 mm higher is 3.4 px up


def test_an_expert_wipes_every_surface_within_the_band():
    runs = [episode("expert", seed) for seed in range(10)]
    assert all(r.success for r in runs) and np.mean([r.share for r in runs]) > 0.98
    assert set(runs[0].phases) == {Phase.DEMONSTRATION}


def blind(reading: Reading) -> np.ndarray:
    """Down until it touches, then along at the height found, whatever is felt."""
    x = reading.values["tip"][0]
    touched = reading.values["force"][1] > 3.0 or x > 0.002
    return np.array([0.03, 0.0]) if touched else np.array([0.0, -0.02])


def test_a_policy_that_does_not_feel_leaves_the_band_and_corrections_save_it():
    alone, helped, phases = [], [], []
    for seed in range(8):
        robot = config.make(LOADED)
        reading, share = robot.reset(seed), 0.0
        for _ in range(LOADED.task["horizon"]):
            reading = advance(robot, blind(reading))
            outcome = robot.outcome()
            share += outcome.reward
            if outcome.terminated or outcome.success:
                break
        alone.append(share)
        run = episode("expert", seed, policy=blind)
        helped.append(run.share)
        phases.append(np.mean([p == Phase.CORRECTION for p in run.phases]))
    assert np.mean(alone) < 0.5
    assert np.mean(helped) > np.mean(alone) + 0.2
    assert 0.05 < np.mean(phases) < 0.9


def test_watching_it_leaves_a_good_policy_alone():
    expert = WipingOperator(LOADED, seed=3)
    teleop = Teleop(LOADED.spec, LOADED.teleop)

    def good(reading: Reading) -> np.ndarray:
        return teleop.interpret(expert.input(reading, policy_active=False), reading).action

    run = episode("expert", 7, policy=good)
    assert run.success and set(run.phases) == {Phase.AUTONOMOUS}


def test_an_unknown_quality_is_refused():
    with pytest.raises(ConfigError, match="quality"):
        WipingOperator(LOADED, quality="god")
