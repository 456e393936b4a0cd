"""Who stands beside a session's robot: with a device in hand, scripted, or nobody; and what their keys mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from robot_rl.hardware import config as hardware_config
from robot_rl.hardware.config import RobotConfig
from robot_rl.hardware.devices.named import device_and_file
from robot_rl.hardware.devices.operator import DeviceOperator
from robot_rl.hardware.devices.profile import devices
from robot_rl.hardware.human import Operator
from robot_rl.learn.config import TrainingError
from robot_rl.rewards.keys import LATENCY
from robot_rl.runtime.episodes import EpisodeRules
from robot_rl.runtime.keys import HeldKey, KeyJudge, Undo, UndoKey
from robot_rl.sim.operators.stands_back import StandsBack

Keys = Literal["mark", "decide", "hold"]
"""What the success key means. `mark`: it ends an episode, as the task's own judgement does; `decide`: nothing but the
keys judges; `hold`: success is for as long as it is held."""


@dataclass(frozen=True)
class Person:
    """Somebody who watches, and what follows from it."""

    rules: EpisodeRules
    operator: Operator | None = None
    judge: KeyJudge | None = None
    """Where the person alone judges."""
    undo: Undo | None = None
    helper: StandsBack | None = None
    """Of a scripted person, what lets the robot try alone; one with a device in hand can only be asked to."""
    real_time: bool = False
    """Time must pass as it does for them."""


@contextmanager
def watching(
    setup: RobotConfig,
    name: str | None,
    keys: Keys = "mark",
    latency: float | None = None,
    *,
    judged: bool = False,
    end_after_intervention: bool = False,
) -> Iterator[Person]:
    """The person called `name`; a device is released at the end.

    Args:
        name: a device, perhaps with its file, as `gamepad:/dev/input/js1`; or the quality of the scripted operator.
        latency: of their keys [s]; by default LATENCY with a device, and 0 without.
        judged: something else than the task judges already.
        end_after_intervention: the episode ends when they hand back to the policy.

    Raises:
        TrainingError: keys that decide, and nobody to press them or another judge.
        ConfigError, DeviceError: as the operator or the device raise them.
    """
    rules = EpisodeRules.of_task(setup.task, end_after_intervention=end_after_intervention)
    if keys != "mark" and (name is None or judged):
        raise TrainingError(f"keys: {keys} makes the person the only judge: name an operator, and no classifier")
    if name is None:
        yield Person(rules)
        return
    kind, path = device_and_file(name)
    with ExitStack() as stack:
        operator: Operator
        helper = None
        if kind in devices():
            operator = DeviceOperator.open(kind, path)
            stack.callback(operator.close)
        else:
            operator = helper = StandsBack(hardware_config.make_operator(setup, name))
        yield replace(attended(rules, operator, keys, latency, real_time=kind in devices()), helper=helper)


def attended(
    rules: EpisodeRules, operator: Operator, keys: Keys, latency: float | None = None, *, real_time: bool = False
) -> Person:
    """The person who is this operator."""
    late = latency if latency is not None else LATENCY * real_time
    rules = replace(rules, latency=late, late_verdict=keys == "hold")
    undo = Undo()
    operator, judge = UndoKey(operator, undo), None
    if keys == "hold":
        operator = HeldKey(operator)
        judge = KeyJudge(operator)
    elif keys == "decide":
        judge = KeyJudge()
    return Person(rules, operator, judge, undo, real_time=real_time)
