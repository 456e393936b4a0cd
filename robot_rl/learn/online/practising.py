"""Practice without resets: sessions that undo each other's task take turns on one robot.

Each direction is a whole session, with its own agent, replay, data set, curve and folder; what `runtime.practice`
decides is only whose turn it is. Where the scene stands is not saved: a sitting begins with one that is set up from
outside, for the first direction.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial

from robot_rl.learn.online.curve import Point
from robot_rl.learn.online.session import Session
from robot_rl.runtime.loop import EpisodeResult
from robot_rl.runtime.practice import Practice
from robot_rl.runtime.resets import SelfResetting

log = logging.getLogger(__name__)


class PracticeSession:
    """Directions at work.

    Args:
        sessions: by name, in the order of their turns; their workcells are one, each with its own goal.
        steps: robot steps of all directions together, all sittings included.
        tries: failures in a row before the next direction is tried.
        say: a line for the user.
    """

    def __init__(
        self,
        sessions: Mapping[str, Session],
        robot: SelfResetting,
        steps: int,
        tries: int,
        say: Callable[[str], None] = log.warning,
    ) -> None:
        self.sessions, self.steps, self._robot, self._say = dict(sessions), steps, robot, say
        self.practice = Practice(tuple(sessions), tries)
        """Of this sitting."""

    @property
    def robot_steps(self) -> int:
        """Of all directions."""
        return sum(s.tally.robot_steps for s in self.sessions.values())

    def run(
        self,
        *,
        stop: Callable[[], bool] = lambda: False,
        on_episode: Callable[[str, EpisodeResult], None] = lambda name, result: None,
        on_point: Callable[[str, Point], None] = lambda name, point: None,
    ) -> None:
        """Take turns until `steps`; each direction is evaluated at its end.

        Args:
            stop: asked after every episode.
            on_episode, on_point: called with the direction's name.
        """
        while self.robot_steps < self.steps and not stop():
            name = self.practice.goals[self.practice.goal]
            result = self.sessions[name].turn(partial(on_episode, name), partial(on_point, name))
            turn = self.practice.add(result)
            if turn.reset:
                self._robot.set_up_next()
                self._say(
                    f"'{name}' {_why(result)}: the scene must be set up from outside for '{self.practice.goals[0]}'"
                )
        if self.robot_steps >= self.steps:
            for name, session in self.sessions.items():
                session.conclude(partial(on_point, name))


def _why(result: EpisodeResult) -> str:
    return "lost it" if result.ending.terminated else "and the others have failed again and again"
