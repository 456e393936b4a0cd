"""What the keys of `robot-rl tell` do in the graph that it has found, shown as that becomes known."""

from __future__ import annotations

from collections.abc import Callable

ESTOP_KEYS = """\
  Esc    emergency stop (the robot's own is quicker: keep it in reach)    Ctrl-C  end this, not the graph
"""
EPISODE_KEYS = """\
  Enter  start    1  success    0  failure    Backspace  discard    u  take the last mark back"""
NO_EPISODES = "this graph has no episodes (as `launch teleop`): for start and marks use record or deploy"
WITHIN = 2.0
"""[s] after the arbiter in which whoever runs episodes is found too."""


class EpisodeKeys:
    """Shows the keys for episodes once somebody is there who runs them; says so when nobody is for a while.

    Args:
        there: whether somebody runs episodes.
        show: shows a line.
        since: when [s, monotonic] the looking began.
    """

    def __init__(self, there: Callable[[], bool], show: Callable[[str], object], since: float) -> None:
        self._there, self._show, self._since = there, show, since
        self._shown = self._missed = False

    def look(self, now: float) -> None:
        """Look again, at a time [s, monotonic]."""
        if self._shown:
            return
        if self._there():
            self._shown = True
            self._show(EPISODE_KEYS)
        elif now - self._since > WITHIN and not self._missed:
            self._missed = True
            self._show(NO_EPISODES)
