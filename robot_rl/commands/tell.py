"""Say something to the graph that is running: start an episode, mark it, stop the robot.

For an input device without such buttons, as the SpaceMouse, and where no `ros2` command is installed. Without a word
the keys of this terminal are passed on until Ctrl-C: Enter starts, 1 and 0 mark success and failure, Backspace
discards, u takes the last mark back, Esc is the emergency stop. `release` lets go of that stop. `launch teleop` has no
episodes: of it only the emergency stop is heard.

`robot-rl tell estop` takes seconds, since it has to start and find the graph first: for an emergency keep
`robot-rl tell` open and press Esc, and the robot's own stop in reach.

Examples:
  robot-rl tell                     # beside `robot-rl launch record device:=spacemouse`, in another terminal
  robot-rl tell start
  robot-rl tell estop --domain 7
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class Options:
    """What to say, and to whom."""

    word: Annotated[
        Positional[Literal["keys", "start", "success", "failure", "discard", "undo", "estop", "release"]],
        arg(metavar="WORD"),
    ] = "keys"
    """start, success, failure, discard, undo, estop, release; `keys` listens to this terminal."""
    domain: int | None = None
    """The graph's ROS domain; by default ROS_DOMAIN_ID, or that of the graph on this computer. Where both are
    there it is asked which, but for `estop`, which is said to all; where neither is, `estop` is said in domain 0."""


def run(options: Options) -> int:
    from robot_rl.extras import require

    require("ros")
    words = [] if options.word == "keys" else [options.word]
    domain = [] if options.domain is None else ["--domain", str(options.domain)]
    try:
        return subprocess.run([sys.executable, "-m", "robot_rl.ros.tell", *words, *domain], check=False).returncode
    except KeyboardInterrupt:
        return 130
