"""Whether whoever judges every state of the running episode is still heard: a person's held key, or the classifier."""

from __future__ import annotations

import time

from robot_rl.hardware.clock import SystemClock
from robot_rl.ros import topics
from robot_rl.ros.node import RobotNode
from robot_rl.ros.person_keys import PersonKeys
from robot_rl.runtime.judged_episode import JudgedEpisode

JUDGE_WITHIN = 2_000_000_000
"""A state that the reward classifier has not judged after so long [ns] is no success."""


class JudgeWatch:
    """Asked now and then, it says whose silence the episode should not wait for any longer."""

    def __init__(self, node: RobotNode, keys: PersonKeys, episode: JudgedEpisode) -> None:
        self._node, self._keys, self._episode = node, keys, episode
        self._clock = SystemClock()
        self._begun = 0.0

    def begin(self) -> None:
        """An episode begins now; before, a device had nothing to say of it."""
        self._begun = time.monotonic()

    @property
    def silent(self) -> str:
        """Who is silent, or nothing."""
        if not self._episode.running:
            return ""
        if self._episode.keys == "hold" and self._keys.silent(self._begun):
            return "the device"
        return "the reward classifier" if self._classifier_silent else ""

    @property
    def _classifier_silent(self) -> bool:
        """A state has waited for its word for long; in lockstep it is waited for as long as it is there."""
        oldest = self._episode.unclassified
        if oldest is None:
            return False
        if self._node.lockstep:
            return not self._node.count_publishers(topics.CLASSIFIED)
        return self._clock.now() - oldest > JUDGE_WITHIN
