"""One episode of a simulated robot and its operator, through the real teleoperation and arbiter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from robot_rl.datasets.record import Phase
from robot_rl.hardware.config import RobotConfig
from robot_rl.hardware.human import Operator
from robot_rl.hardware.robot import Reading, Robot
from robot_rl.hardware.teleop import Teleop
from robot_rl.runtime.arbiter import Arbiter, Proposal

Policy = Callable[[Reading], np.ndarray]


def _episode(
    config: RobotConfig, robot: Robot, operator: Operator, seed: int, policy: Policy | None = None
) -> tuple[int, list[Phase]]:
    """Its length when success was held long enough, or 0; and the phase of each step."""
    teleop, arbiter = Teleop(config.spec, config.teleop), Arbiter.from_config(config)
    arbiter.reset("demonstration" if policy is None else "deployment")
    reading = robot.reset(seed)
    operator.reset(seed)
    held, phases = 0, []
    for step in range(config.task["horizon"]):
        now = robot.clock.now()
        device = operator.input(reading, policy_active=policy is not None)
        proposal = Proposal(now, policy(reading)) if policy else None
        decision = arbiter.decide(now, reading, teleop.interpret(device, reading), proposal)
        teleop.follow(robot.send(decision.action))
        robot.clock.sleep_until(now + config.spec.period_ns)
        reading = robot.read()
        phases.append(decision.phase)
        held = held + 1 if robot.outcome().success else 0
        if held == config.task["success_hold"]:
            return step + 1, phases
    return 0, phases


def _acting(config: RobotConfig, operator: Operator, seed: int, spoil: Callable[[Reading, np.ndarray], None]) -> Policy:
    """A policy that acts as this operator would, but for what `spoil` changes in its actions."""
    teleop = Teleop(config.spec, config.teleop)
    operator.reset(seed)

    def act(reading: Reading) -> np.ndarray:
        action = teleop.interpret(operator.input(reading, policy_active=False), reading).action
        spoil(reading, action)
        return action

    return act


@pytest.fixture
def acting() -> Callable[..., Policy]:
    return _acting


@pytest.fixture
def episode() -> Callable[..., tuple[int, list[Phase]]]:
    return _episode
