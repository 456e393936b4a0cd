"""Driving the small tasks: whole episodes through teleoperation and arbiter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from robot_rl.datasets.record import Step
from robot_rl.hardware import config
from robot_rl.hardware.teleop import Teleop
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeMachine, EpisodeRules
from robot_rl.runtime.loop import EpisodeResult, run_episode


class Plain:
    """An executor over a function from the values of a step to an action."""

    def __init__(self, act: Callable[[dict], np.ndarray]) -> None:
        self.act = act

    def reset(self, seed=None): ...

    def observe(self, values): ...

    def interrupt(self): ...


class Steps:
    """An episode sink that keeps the steps."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def begin(self, **attributes): ...

    def reading(self, reading): ...

    def sample(self, stream, stamp, value): ...

    def step(self, step):
        self.steps.append(step)

    def end(self, success, *, end=None, **attributes):
        return 0

    def discard(self): ...


@pytest.fixture
def episodes():
    """Runs episodes of a robot with an operator of some quality, who watches if there is a policy."""

    def run(name: str, quality: str, seeds, *, policy=None, sink=None, **options) -> list[EpisodeResult]:
        setup = config.load(name)
        robot, arbiter = config.make(setup, **options), Arbiter.from_config(setup)
        operator, teleop = config.make_operator(setup, quality), Teleop(setup.spec, setup.teleop)
        return [
            run_episode(
                robot,
                arbiter,
                EpisodeMachine(EpisodeRules.of_task(setup.task)),
                executor=Plain(policy) if policy else None,
                operator=operator,
                teleop=teleop,
                recorder=sink,
                seed=seed,
                purpose="deployment" if policy else "demonstration",
            )
            for seed in seeds
        ]

    return run


@pytest.fixture
def sink() -> Steps:
    return Steps()
