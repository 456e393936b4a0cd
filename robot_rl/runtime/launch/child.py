"""One launched process: started in a process group of its own, signalled and waited for as a whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from robot_rl.hardware import clock
from robot_rl.runtime.launch import guard, parent
from robot_rl.runtime.launch.description import LaunchError, Process
from robot_rl.runtime.launch.locate import PACKAGE

ASKED = {0, -signal.SIGINT, -signal.SIGTERM, 128 + signal.SIGINT, 128 + signal.SIGTERM}
"""Exit codes of a process that ended as it was told to."""


def environment(extra: Mapping[str, str], log_dir: Path | None) -> dict[str, str]:
    """The launcher's environment and clock, with `extra`; this interpreter first on PATH, so that `python3` is this
    one."""
    merged = {**os.environ, "PYTHONUNBUFFERED": "1", **clock.shared(), **extra}
    merged["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), merged.get("PATH", os.defpath)])
    merged.pop(parent.VARIABLE, None)
    if log_dir is not None:
        merged.setdefault("ROS_LOG_DIR", str(log_dir))
    return merged


@contextmanager
def _held_back(process: Process) -> Iterator[None]:
    """Start a node of robot_rl with SIGINT blocked, which it inherits, and unblocks in its first lines.

    A Python that is interrupted before it has come to them prints a traceback that says nothing about the node.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT} if process.package == PACKAGE else set())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Child:
    """A running process and whatever it starts in its group.

    A process that reads the terminal stays in the launcher's own group, because only the foreground group may.
    """

    def __init__(self, process: Process, log_dir: Path | None = None, shared: Mapping[str, str] | None = None) -> None:
        self.process = process
        try:
            with _held_back(process):
                self._popen = subprocess.Popen(
                    process.command,
                    env=environment({**(shared or {}), **process.environment}, log_dir),
                    cwd=process.cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    process_group=None if process.terminal else 0,
                )
        except OSError as error:
            raise LaunchError(f"{process.name}: cannot start {process.command[0]}: {error.strerror}") from None
        self.pid = self._popen.pid
        self.target = self.pid if process.terminal else -self.pid
        """What to signal: the group (negative), or the process where the group is the launcher's."""

    @property
    def name(self) -> str:
        return self.process.name

    @property
    def output(self) -> int:
        """The file descriptor to read its output and errors from."""
        assert self._popen.stdout is not None  # it is PIPE above
        return self._popen.stdout.fileno()

    def poll(self) -> int | None:
        """The exit code (negative: the signal that ended it), or None while it runs."""
        return self._popen.poll()

    def gone(self) -> bool:
        """Whether it and everything in its group have ended."""
        return self.poll() is not None and not guard.alive(self.target)

    def send(self, number: int) -> None:
        """A signal to it and its group."""
        if not self.gone():
            guard.send(self.target, number)

    def say_where_it_stands(self) -> None:
        """A node of robot_rl prints the stacks of its threads."""
        if self.process.package == PACKAGE and self.poll() is None:
            guard.send(self.pid, signal.SIGUSR1)

    def close(self) -> None:
        """Release the pipe; after it has been read to its end."""
        if self._popen.stdout is not None:
            self._popen.stdout.close()
