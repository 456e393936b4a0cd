"""Look at an episode in rerun: cameras, the path coloured by who acted, actions, phases, safety, reward.

Opens the viewer. Where there is no display, write a file and open it elsewhere with `rerun x.rrd`.

Examples:
  robot-rl view lift
  robot-rl view lift --episode 12
  robot-rl view datasets/lift --save lift.rrd
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from robot_rl.commands.names import UsageError, existing_dataset, pick_episode
from robot_rl.extras import require


@dataclass(frozen=True)
class Options:
    """Which episode, and where to show it."""

    dataset: Positional[str]
    """A data set: a name under datasets/, or a path."""
    episode: int = -1
    """Its number; -1 is the last."""
    save: Path | None = None
    """Write this .rrd file instead of opening the viewer."""


def run(options: Options) -> int:
    require("cockpit")
    path = existing_dataset(options.dataset)
    if options.save is None and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UsageError("no display here: add --save episode.rrd and open that file with `rerun` elsewhere")
    from robot_rl.commands.rerun_episode import log_episode
    from robot_rl.datasets.dataset import Dataset

    dataset = Dataset.open(path)
    episode = pick_episode(dataset, options.episode)
    log_episode(episode, name=path.name, save=options.save)
    if options.save is not None:
        print(f"{options.save}: episode {episode.number} of {path}; open it with: rerun {options.save}")
    return 0
