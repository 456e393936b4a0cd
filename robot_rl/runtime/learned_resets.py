"""Resets by a policy: it plays until a rule says that the scene is at a start state again.

A policy does not know when it is done, so a rule is needed. Where the robot has goals, the rule is one of them (the
policy that undoes the task has reached its own); else it is the region in which demonstrations began.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from robot_rl.hardware.robot import Outcome, Reading
from robot_rl.runtime.frames import Frames, FrameSource
from robot_rl.runtime.loop import Executor, Follower
from robot_rl.runtime.resets import Drive


@runtime_checkable
class HasGoals(Protocol):
    """A robot whose task has several goals; those that undo each other can be practised in turn."""

    goal: int

    def set_goal(self, goal: int) -> None:
        """What counts as success from now on. Raises ConfigError for no such goal."""
        ...

    def outcome(self) -> Outcome:
        """Reward and success of the present goal in the present state."""
        ...


class ResetRule(Protocol):
    """Says whether the scene is at a start state."""

    def begin(self) -> None:
        """A reset begins."""
        ...

    def judge(self, reading: Reading) -> Outcome:
        """Of the present state: `success` at a start state, `terminated` where no policy can bring it there."""
        ...

    def end(self) -> None:
        """The reset is over, whichever way."""
        ...


class GoalRule:
    """At a start state is what has reached the goal `goal` of the robot; during the reset that is the robot's goal."""

    def __init__(self, robot: HasGoals, goal: int) -> None:
        self._robot, self._goal = robot, goal
        self._before = robot.goal

    def begin(self) -> None:
        self._before = self._robot.goal
        self._robot.set_goal(self._goal)

    def judge(self, reading: Reading) -> Outcome:
        return self._robot.outcome()

    def end(self) -> None:
        self._robot.set_goal(self._before)


class LearnedReset:
    """A policy brings the scene back; implements ResetRoutine.

    How long it may take is the budget of `SelfResetting`; when that is spent, or the policy does not answer, or the
    rule says that it is hopeless, the reset has failed and the scene must be set up from outside.

    Args:
        executor: plays the policy.
        cameras: open; the policy may look at them.
    """

    def __init__(self, executor: Executor, rule: ResetRule, cameras: Mapping[str, FrameSource] | None = None) -> None:
        self._executor, self._rule, self.cameras = executor, rule, dict(cameras or {})

    def run(self, drive: Drive, seed: int | None) -> bool:
        """Whether the scene is at a start state now."""
        self._rule.begin()
        try:
            return self._play(drive, seed)
        finally:
            self._rule.end()

    def _play(self, drive: Drive, seed: int | None) -> bool:
        reading, frames = drive.look(), Frames(self.cameras)
        for _ in frames.begin(reading.stamp):
            pass
        self._executor.reset(seed)
        while not (outcome := self._rule.judge(reading)).success:
            action = None if outcome.terminated else self._executor.act({**reading.values, **frames.images})
            if action is None:
                return False
            reading = drive.step(action)
            if drive.interrupted:
                self._executor.interrupt()
            if isinstance(self._executor, Follower):
                self._executor.follow(drive.sent)
            for _ in frames.poll(reading.stamp):
                pass
        return True
