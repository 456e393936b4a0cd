"""Runs a ROS 2 launch description without ROS 2's own launch package, on a machine with pip only.

`launch("teleop", {"robot": "sim_lift"})` runs the same `teleop.launch.yaml` that `ros2 launch robot_rl
teleop.launch.py` runs, until it ends or is interrupted. `Launch` is the same under a program's control.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import TextIO

from robot_rl.runtime.launch import locate, reader
from robot_rl.runtime.launch.description import Argument, LaunchError, Process
from robot_rl.runtime.launch.supervisor import POLL, Launch

__all__ = ["Argument", "Launch", "LaunchError", "Process", "arguments_of", "launch"]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Each ends the launch; a further one makes it hurry."""


def arguments_of(name_or_path: str | Path) -> tuple[Argument, ...]:
    """The arguments that a launch description takes, with defaults and help. Raises LaunchError."""
    return reader.arguments(locate.launch_file(name_or_path))


def launch(
    name_or_path: str | Path,
    arguments: Mapping[str, str] | None = None,
    *,
    log_dir: str | Path | None = None,
    quiet: bool = False,
    stream: TextIO | None = None,
) -> int:
    """Run a launch description until it ends, or until SIGINT (Ctrl-C), SIGTERM or SIGHUP ends it.

    Call it in the main thread. The arguments are those of `Launch`.

    Returns:
        0 where every process ended as it should (after a signal, too), 1 where one failed or had to be killed.

    Raises:
        LaunchError: the description or an argument does not hold; nothing runs.
    """
    if threading.current_thread() is not threading.main_thread():
        raise LaunchError("launch() handles signals, so it must be called in the main thread; use Launch elsewhere")
    nodes = Launch(name_or_path, arguments, log_dir=log_dir, quiet=quiet, stream=stream)
    received: list[int] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            nodes.hurry()

    previous = {number: signal.signal(number, on_signal) for number in SIGNALS}
    try:
        with nodes:
            while not received:
                if (code := nodes.wait(timeout=POLL)) is not None:
                    return code
            return nodes.shutdown()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
