"""Starts the processes of a launch description, watches over them, and ends them all, whatever happens."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from robot_rl import extras
from robot_rl.runtime.launch import guard, locate, reader
from robot_rl.runtime.launch.child import ASKED, Child
from robot_rl.runtime.launch.description import LaunchError
from robot_rl.runtime.launch.last_error import last_error
from robot_rl.runtime.launch.output import Output
from robot_rl.runtime.launch.terminal import Terminal

POLL = 0.05
"""[s] between two looks at the processes."""
ROBOT = "robot_node"
"""The process that owns the robot, and whose `close` brings it to where it may be left."""
LANDING = 30.0
"""That process alone is given so much longer [s] before it is killed, and no impatience shortens it: it may be landing
what flies."""


class Launch:
    """The processes of one launch description, from start to end.

    ::

        with Launch("record", {"device": "scripted", "episodes": "40"}) as nodes:
            code = nodes.wait(timeout=300)

    Nothing supervises in the background: `wait`, or `poll` now and then, notices a process that ends and acts.
    A guard process ends the nodes should this process die first.
    """

    def __init__(
        self,
        name_or_path: str | Path,
        arguments: Mapping[str, str] | None = None,
        *,
        log_dir: str | Path | None = None,
        quiet: bool = False,
        stream: TextIO | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Read the description; nothing is started yet.

        Args:
            name_or_path: teleop, record, deploy, collect, finetune, or the path of a `*.launch.yaml`.
            arguments: as on the command line, all text.
            log_dir: where each process's output is kept as `<name>.log`, and ROS's own logs go.
            quiet: show nothing but failures, each with the last lines of the process that failed.
            stream: where output is shown; by default standard output.
            environment: added to every process's environment, e.g. a ROS_DOMAIN_ID of its own.

        Raises:
            LaunchError: the description or an argument does not hold.
        """
        self._environment = dict(environment or {})
        self.path = locate.launch_file(name_or_path)
        self.processes = reader.read(self.path, dict(arguments or {}))
        self._log_dir = Path(log_dir).resolve() if log_dir is not None else None
        self._quiet = quiet
        self._output = Output(stream or sys.stdout, quiet=quiet, log_dir=self._log_dir)
        self._children: list[Child] = []
        self._ended: set[str] = set()
        self._failed: list[list[str]] = []
        """Of each process that failed, in that order: which, how, and its last lines of error."""
        self._guard: subprocess.Popen[bytes] | None = None
        self._terminal = Terminal()
        self._finished = False
        self._code: int | None = None
        self._hurry = False

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each started process, by name."""
        return {c.name: c.pid for c in self._children}

    def start(self) -> None:
        """Start every process, in the order of the description.

        Raises:
            LaunchError: one cannot be started; those already started have been ended.
            MissingExtraError: there are nodes of robot_rl, and rclpy is not installed; nothing has been started.
        """
        if self._guard is not None or self._finished:
            raise LaunchError("this launch has been started already; make another one")
        if any(p.package == locate.PACKAGE for p in self.processes):
            extras.require("ros")
        if self._log_dir:
            self._log_dir.mkdir(parents=True, exist_ok=True)
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._output.start()
        try:
            for process in self.processes:
                child = Child(process, self._log_dir, self._environment)
                self._tell_guard("+", child)
                self._children.append(child)
                self._output.add(child)
                self._output.say(f"{child.name} started (pid {child.pid})")
        except BaseException:
            self._code = 1
            self.shutdown()
            raise

    def poll(self) -> int | None:
        """One look at the processes. Returns the exit code once all have ended, None while they run.

        A process that ends with an error is reported, and the launch will end with code 1. A required process
        that ends, with or without an error, ends all.
        """
        if self._guard is None:
            return (self._code or 0) if self._finished else None
        for child in self._children:
            code = child.poll()
            if code is None or child.name in self._ended:
                continue
            self._ended.add(child.name)
            self._report(child, code)
            if child.process.required:
                return self.shutdown()
        return self.shutdown() if len(self._ended) == len(self._children) else None

    def wait(self, timeout: float | None = None) -> int | None:
        """Watch until all have ended, and return the exit code; None after `timeout` [s] with processes running."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                return None
            time.sleep(POLL)
        return code

    def hurry(self) -> None:
        """Cut the present patience short: the next stronger signal now, but for the robot's own node. Safe to call from
        a signal handler."""
        self._hurry = True

    def shutdown(self) -> int:
        """End every process and its group: SIGINT, then SIGTERM, then SIGKILL, the robot's last. Returns the exit code.

        0 where all ended as they were told to, 1 where one failed or had to be killed. May be called again.
        """
        if self._guard is None:
            return self._code or 0
        for number, patience in guard.ESCALATION:
            left = [c for c in self._children if not c.gone()]
            if not left:
                break
            if number == signal.SIGTERM:
                self._output.say(f"sending {number.name} to {', '.join(c.name for c in left)}: still running")
            if number == signal.SIGKILL:
                self._kill([c for c in left if c.name != ROBOT], patience)
                left = self._still_landing()
                self._kill(left, patience)
            else:
                for child in left:
                    child.send(number)
                self._await_end(left, patience)
        self._finish()
        return self._code or 0

    def _kill(self, left: list[Child], patience: float) -> None:
        """SIGKILL, once each has said where it stands."""
        if not left:
            return
        self._output.warn(f"sending SIGKILL to {', '.join(c.name for c in left)}: still running")
        for child in left:
            child.say_where_it_stands()
        self._await_end(left, POLL)
        for child in left:
            child.send(signal.SIGKILL)
        self._await_end(left, patience)

    def _still_landing(self) -> list[Child]:
        """The robot's node, if it has not come to its end within `LANDING`."""
        robots = [c for c in self._children if c.name == ROBOT and not c.gone()]
        if robots:
            self._output.warn(
                f"{ROBOT} is bringing the robot to rest: it is given {LANDING:.0f} s, whoever presses what"
            )
        deadline = time.monotonic() + LANDING
        while robots and time.monotonic() < deadline:
            time.sleep(POLL)
            robots = [c for c in robots if not c.gone()]
        return robots

    def _await_end(self, children: list[Child], patience: float) -> None:
        self._hurry = False
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and not self._hurry:
            if all(c.gone() for c in children):
                return
            time.sleep(POLL / 5)

    def _finish(self) -> None:
        self._output.finish()
        for child in self._children:
            code = child.poll()
            if code is not None and child.name not in self._ended:
                self._ended.add(child.name)
                self._report(child, 0 if code in ASKED else code)
            if child.gone():
                self._tell_guard("-", child)
            child.close()
        assert self._guard is not None and self._guard.stdin is not None  # finished only after a start
        self._guard.stdin.close()
        self._guard.wait()
        self._guard = None
        self._terminal.restore()
        self._finished = True
        for lines in reversed(self._failed):  # the others may only have followed: the first has the last word
            for line in lines:
                self._output.warn(line)

    def _report(self, child: Child, code: int) -> None:
        """Say how a process ended. One that failed makes the launch fail, and is named again in its last lines."""
        if code == 0:
            self._output.say(f"{child.name} ended")
            return
        self._code = 1
        words = self._output.last_words(child.name)
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        self._output.warn(f"{child.name} {how}")
        first, *more = last_error(words) or ["it said nothing"]
        order = "after that" if self._failed else "failed first"
        self._failed.append([f"{order}: {child.name} {how}: {first}", *more])
        if self._quiet:
            for line in words:
                self._output.warn(f"  {child.name}: {line}")

    def _tell_guard(self, change: str, child: Child) -> None:
        assert self._guard is not None and self._guard.stdin is not None  # started before the first child
        try:
            self._guard.stdin.write(f"{change}{child.target}\n".encode())
            self._guard.stdin.flush()
        except BrokenPipeError:
            self._output.warn("the guard process has gone: should this launcher be killed, its nodes stay")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
