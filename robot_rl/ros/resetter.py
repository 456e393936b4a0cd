"""Resets that the robot drives itself, behind the node graph: the routine proposes, as a policy does, and the arbiter,
the safety envelope and the robot's own watchdog stand between it and the robot."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.control.safety import Safety
from robot_rl.datasets.record import Source
from robot_rl.hardware.camera import Frame
from robot_rl.hardware.config import RobotConfig
from robot_rl.hardware.robot import Outcome, Reading
from robot_rl.runtime.arbiter import Decision
from robot_rl.runtime.relayed_drive import DriveEndedError, RelayedDrive
from robot_rl.runtime.resets import ResetRoutine, ResetTimeoutError

PATIENCE = 30.0
"""A reset waits so long [s, wall] for a reading that can be answered: one with its pictures and its verdict."""

LEAVE = 2.0
"""A routine whose reset is over is waited for so long [s, wall]; one that hangs is left alone."""


class HeardGoals:
    """The robot's goals as its node tells of them; implements HasGoals. Whoever asks for a reset gives it the goal."""

    def __init__(self) -> None:
        self.goal = 0
        self._heard: tuple[int, Outcome] = (-1, Outcome())

    def set_goal(self, goal: int) -> None:
        """The goal that is heard of."""
        self.goal = goal

    def hear(self, stamp: int, outcome: Outcome) -> None:
        """What is said of the state at `stamp` [ns]."""
        self._heard = (stamp, outcome)

    def judged(self, stamp: int) -> bool:
        """Whether a state at `stamp` [ns] or later has been judged."""
        return self._heard[0] >= stamp

    def outcome(self) -> Outcome:
        """The newest that was heard."""
        return self._heard[1]


class HeardCamera:
    """The newest picture of a camera; implements FrameSource and Capturing."""

    def __init__(self, name: str, pictures: Mapping[str, tuple[int, NDArray[Any]]]) -> None:
        self._name, self._pictures = name, pictures

    def capture(self) -> Frame:
        """The newest picture."""
        return Frame(*self._pictures[self._name])

    def read(self, timeout: float = 1.0) -> Frame:
        """The newest picture; a reading is handed on only once there is a fresh one."""
        return self.capture()


class Resetter:
    """Runs a reset routine, one reset at a time.

    Args:
        propose: publishes an action (A,) in answer to the reading of that stamp [ns]; None asks to hold still.
        over: told the reset's name, whether the robot stands at a start state, and if not why; not called for a reset
            that `end` has ended.
        in_thread: does work in a thread whose failure ends the node.
        goals: where the robot's verdict ends the reset, each reading waits for it.
    """

    def __init__(
        self,
        config: RobotConfig,
        routine: ResetRoutine,
        propose: Callable[[int, NDArray[np.float64] | None], None],
        over: Callable[[str, bool, str], None],
        in_thread: Callable[[Callable[[], None], str], threading.Thread],
        goals: HeardGoals | None = None,
    ) -> None:
        self._size, self._routine = config.spec.action.size, routine
        self._propose, self._over, self._in_thread, self._goals = propose, over, in_thread, goals
        self._drive: RelayedDrive | None = None
        self._changing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._start = 0

    def begin(self, name: str, seed: int | None, start: int, most: int) -> None:
        """Reset, from the first reading at `start` [ns] or later, in `most` steps. A routine that hangs in the reset
        before is not run a second time beside itself."""
        self.end("another reset begins")
        if self._thread is not None:
            self._over(name, False, "the routine has not come back from the reset before")
            return
        drive = RelayedDrive(self._size, most, self._propose, PATIENCE)
        self._drive, self._start = drive, start
        self._thread = self._in_thread(lambda: self._run(drive, name, seed), "reset")

    def wants(self, stamp: int) -> bool:
        """Whether the routine is to see the reading of that stamp [ns] now, once its pictures are there."""
        judged = self._goals is None or self._goals.judged(stamp)
        return self._drive is not None and stamp >= self._start and judged

    def seen(self, reading: Reading) -> None:
        """What is measured now."""
        if self._drive is not None:
            self._drive.seen(reading)

    def executed(self, action: NDArray[np.float64]) -> None:
        """What the robot was really sent (A,)."""
        if self._drive is not None:
            self._drive.executed(action)

    def decided(self, decision: Decision) -> None:
        """Who acted. After an emergency stop there is nothing to go on with."""
        if self._drive is None:
            return
        if decision.safety & Safety.ESTOP:
            self._drive.end("the emergency stop is latched")
        elif decision.interrupted and (decision.source != Source.NONE or decision.safety & Safety.RETREAT):
            self._drive.interrupt()

    def end(self, why: str = "it was ended") -> None:
        """The reset is over, whether or not the routine is done: the last that is asked for is to hold still."""
        with self._changing:
            drive, self._drive = self._drive, None
        if drive is not None:
            drive.end(why)
            self._hold(drive)
        if self._thread is not None:
            self._thread.join(timeout=LEAVE if drive is not None else 0.0)
            if not self._thread.is_alive():
                self._thread = None

    def _hold(self, drive: RelayedDrive) -> None:
        self._propose(drive.reading.stamp if drive.steps else self._start, None)

    def _run(self, drive: RelayedDrive, name: str, seed: int | None) -> None:
        why = ""
        try:
            drive.look()
            if not self._routine.run(drive, seed):
                why = f"the routine gave up after {drive.steps} steps"
        except (ResetTimeoutError, DriveEndedError) as error:
            why = str(error)
        with self._changing:
            if drive is not self._drive:
                return  # what comes late could meet the next reset, or an episode
            self._hold(drive)
        self._over(name, not why, why)
