"""Send the executed actions of an episode to a simulated robot again, and compare what it senses with the record.

The actions pass the safety envelope once more. The robot starts from the episode's own seed, so every deviation
should be zero. A real robot is not moved this way: nothing here hears an emergency stop, nor another that drives it.

Examples:
  robot-rl replay lift
  robot-rl replay lift --episode 12 --tolerance 1e-6
  robot-rl replay my_data --robot my_arms_twin
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from rich.table import Table
from tyro.conf import Positional

from robot_rl.commands import output
from robot_rl.commands.names import UsageError, existing_dataset, pick_episode
from robot_rl.control.safety import Safety
from robot_rl.datasets.dataset import Dataset
from robot_rl.hardware import config
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.replay import Deviation, Replay, deviations, replay


@dataclass(frozen=True)
class Options:
    """Which episode, on which robot."""

    dataset: Positional[str]
    """A data set: a name under datasets/, or a path."""
    episode: int = -1
    """Its number; -1 is the last."""
    robot: str = ""
    """The simulated robot to send the actions to; by default the one that was recorded."""
    tolerance: float = math.inf
    """Exit with 1 when a number deviates by more than this (in the unit of its field)."""


def run(options: Options) -> int:
    dataset = Dataset.open(existing_dataset(options.dataset))
    episode = pick_episode(dataset, options.episode)
    setup = config.load(options.robot or dataset.spec.robot, dataset.spec.control_mode or None)
    if not setup.simulated:
        raise UsageError(
            f"robot '{setup.name}' is real (its driver, {setup.driver}, is no simulation of robot_rl's): a replay "
            "would move it where nobody can stop it, beside whatever else drives it. Replay on its simulated twin with "
            "--robot, or have a policy repeat the motion with `robot-rl deploy`, where a person can stop it"
        )
    if differences := dataset.spec.differences(setup.spec):
        lines = "\n  ".join(differences)
        raise UsageError(f"the data set does not fit robot '{setup.name}' (first: data set, second: robot):\n  {lines}")
    robot = config.make(setup)
    try:
        seed = episode.attributes.get("seed")
        again = replay(robot, Arbiter.from_config(setup), episode.steps["executed"], seed=seed)
    finally:
        robot.close()
    found = deviations(episode, again)
    _report(f"episode {episode.number}: {len(episode)} actions at {setup.spec.rate:g} Hz", again, found)
    return int(not all(d.largest <= options.tolerance for d in found))


def _report(title: str, again: Replay, found: list[Deviation]) -> None:
    console = output.console()
    table = Table("field", "largest", "mean", "at the end", "unit", box=None, pad_edge=False)
    for d in found:
        table.add_row(d.field, f"{d.largest:.3g}", f"{d.mean:.3g}", f"{d.final:.3g}", d.unit)
    console.print(f"{title}; distance from what was recorded:")
    console.print(table)
    changed = sum(flags != Safety(0) for flags in again.safety)
    console.print(f"the safety envelope acted on {changed} of {len(again.safety)} actions")
