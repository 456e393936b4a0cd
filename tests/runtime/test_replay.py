from __future__ import annotations

import numpy as np
import pytest

from robot_rl.hardware.config import load, make
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.replay import replay


def test_a_replayed_action_is_held_by_the_envelope_like_any_other() -> None:
    pytest.importorskip("mujoco")
    config = load("sim_crazyflie")
    robot = make(config)
    wild = np.full((5, config.spec.action.size), 1e9)
    wild[3] = np.nan
    try:
        again = replay(robot, Arbiter.from_config(config), wild, seed=0)
    finally:
        robot.close()
    assert again.executed.shape == wild.shape
    assert np.isfinite(again.executed).all()
    assert (again.executed <= config.spec.action.high).all()
    assert all(again.safety)
    assert all(len(v) == 6 for v in again.readings.values())
