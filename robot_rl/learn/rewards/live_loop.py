"""Live collection in one process: a person or a scripted operator moves a simulated robot, and holds the key."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from robot_rl.datasets.record import Step
from robot_rl.hardware import config as hardware_config
from robot_rl.hardware.human import DeviceInput, Operator
from robot_rl.hardware.robot import Reading
from robot_rl.hardware.teleop import Teleop
from robot_rl.rewards.live import LiveCollector
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeMachine, EpisodeRules
from robot_rl.runtime.loop import run_episode
from robot_rl.sim.camera import scene_cameras

NEVER = 2**31
"""Steps for which a task must say success before an episode ends: there is more of it to be seen."""


class KeyedOperator:
    """Tells a collector of the success key, which then marks nothing else; an Operator around another."""

    def __init__(self, operator: Operator, collector: LiveCollector) -> None:
        self._operator, self._collector = operator, collector

    def reset(self, seed: int | None = None) -> None:
        self._operator.reset(seed)

    def input(self, reading: Reading, *, policy_active: bool) -> DeviceInput:
        """The device without its success key."""
        device = self._operator.input(reading, policy_active=policy_active)
        self._collector.key(device.stamp, "success" in device.buttons)
        return replace(device, buttons=device.buttons - {"success"})


class LiveSink:
    """Hands a camera's pictures to a collector, one take an episode; implements EpisodeSink."""

    def __init__(self, collector: LiveCollector) -> None:
        self._collector = collector

    def begin(self, **attributes: Any) -> None:
        """An episode begins, called `take`."""
        self._collector.begin(str(attributes["take"]))

    def sample(self, name: str, stamp: int, value: ArrayLike) -> None:
        """A picture, if it is of the camera that is looked through."""
        if name == self._collector.view.camera:
            self._collector.picture(stamp, np.asarray(value))

    def reading(self, reading: Reading) -> None:
        """Measurements say nothing here."""

    def step(self, step: Step) -> None:
        """Steps neither."""

    def end(self, success: bool | None, **attributes: Any) -> int:
        """Label the take; returns how many there are."""
        self._collector.end()
        return self._collector.takes

    def discard(self) -> None:
        self._collector.drop()


def run(
    setup: hardware_config.RobotConfig,
    collector: LiveCollector,
    make_operator: Callable[[Any], Operator],
    names: Iterator[str],
    *,
    pace: Callable[[Any], Any] = lambda clock: clock,
    episodes: int = 0,
    max_steps: int = 0,
    seed: int = 0,
) -> Iterator[int]:
    """Run episodes by the operator alone, each to its time limit; gives the number of takes after each.

    Args:
        make_operator: of the robot.
        names: of the takes.
        pace: makes the robot's clock one that also waits, where a person is to drive.
        episodes: 0 goes on for as long as it is asked.

    Raises:
        CameraError, RewardError: the camera is not there, or gives pictures of another size.
    """
    robot = hardware_config.make(setup)
    try:
        with scene_cameras(setup, robot, [collector.view.camera]) as cameras:
            operator = KeyedOperator(make_operator(robot), collector)
            robot.clock = pace(robot.clock)
            rules = replace(EpisodeRules.of_task(setup.task, max_steps=max_steps), success_hold=NEVER)
            for count in itertools.count() if episodes == 0 else range(episodes):
                run_episode(
                    robot,
                    Arbiter.from_config(setup),
                    EpisodeMachine(rules),
                    operator=operator,
                    teleop=Teleop(setup.spec, setup.teleop, setup.limits),
                    recorder=LiveSink(collector),
                    cameras=cameras,
                    seed=seed + count,
                    attributes={"take": next(names)},
                )
                yield collector.takes
    finally:
        robot.close()
