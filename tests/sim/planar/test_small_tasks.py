"""What every small task owes: seeds, a spec that is checked, pictures, gymnasium."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from robot_rl.hardware import config
from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Robot, RobotError, Simulated
from robot_rl.sim.environment import make_env
from robot_rl.spec import Field, Layout

NAMES = ["sim_pickinsert", "sim_chain", "sim_maze", "sim_maze_halves"]


def advance(robot, action, steps: int = 1):
    for _ in range(steps):
        robot.send(np.asarray(action, dtype=float))
        robot.clock.sleep_until(robot.clock.now() + robot.spec.period_ns)
    return robot.read()


@pytest.mark.parametrize("name", NAMES)
def test_equal_seeds_give_bit_identical_episodes_whatever_happened_before(name):
    setup = config.load(name)
    first, second = config.make(setup), config.make(setup, seed=9)
    full = setup.spec.action.high
    advance(second, full, 5)
    for robot in (first, second):
        robot.reset(4)
    for _ in range(10):
        a, b = advance(first, 0.4 * full), advance(second, 0.4 * full)
        for field in a.values:
            np.testing.assert_array_equal(a.values[field], b.values[field])
    assert not np.array_equal(setup.spec.observation.pack(first.reset(5).values), setup.spec.observation.pack(a.values))


@pytest.mark.parametrize("name", NAMES)
def test_it_offers_both_interfaces_passes_gymnasiums_checks_and_shows_a_picture(name):
    env = make_env(name)
    assert isinstance(env.robot, Robot) and isinstance(env.robot, Simulated)
    check_env(env, skip_render_check=True)
    env.close()
    env = make_env(name, cameras=("front",))
    first = env.reset(seed=0)[0]["front"]
    for _ in range(8):
        last = env.step(np.ones(env.action_space.shape[0]))[0]["front"]
    assert first.shape == (64, 64, 3) and first.std() > 10.0
    assert np.abs(last.astype(int) - first.astype(int)).max() > 50  # what moves is seen to move
    env.close()


@pytest.mark.parametrize("name", NAMES)
def test_what_does_not_fit_is_refused(name):
    setup = config.load(name)
    robot = config.make(setup)
    with pytest.raises(RobotError, match="finite"):
        robot.send(np.full(setup.spec.action.size, math.nan))
    robot.close()
    with pytest.raises(RobotError, match="closed"):
        robot.read()
    with pytest.raises(ConfigError, match="smell"):
        config.make(replace(setup, spec=replace(setup.spec, observation=Layout((Field("smell", (1,)),)))))
    with pytest.raises(ConfigError, match="5 ms"):
        config.make(replace(setup, spec=replace(setup.spec, rate=30.0)))
    with pytest.raises(ConfigError, match="shape"):
        wrong = {n: replace(f, shape=(7,), labels=()) for n, f in setup.spec.observation.items()}
        config.make(replace(setup, spec=replace(setup.spec, observation=Layout(wrong))))
    with pytest.raises(ConfigError, match="no operator of quality 'exprt'"):
        config.make_operator(setup, "exprt")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("sim_pickinsert", {"clearance": -1.0}, "clearance"),
        ("sim_pickinsert", {"bias": 1.0}, "bias is 1.0"),
        ("sim_pickinsert", {"goal": 2}, "0 .insert. or 1"),
        ("sim_pickinsert", {"inserted": 0.05}, "inserted 0.05"),
        ("sim_chain", {"bias": math.nan}, "bias is nan"),
        ("sim_maze", {"routes": "all"}, "task, halves"),
        ("sim_maze", {"spread": 0.2}, "within the cell"),
    ],
)
def test_options_that_make_no_task_are_refused(name, options, message):
    with pytest.raises(ConfigError, match=message):
        config.make(config.load(name), **options)
