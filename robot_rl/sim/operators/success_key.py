"""A scripted person who also holds the success key while the task is done, as late as people are."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from robot_rl.hardware.human import DeviceInput, Operator
from robot_rl.hardware.robot import Reading


class SuccessKey:
    """Implements Operator around another.

    Args:
        done: whether the scene shows success now.
        latency: from seeing to the key going down or up [s].
    """

    def __init__(self, operator: Operator, done: Callable[[], bool], latency: float) -> None:
        self._operator, self._done, self._latency = operator, done, round(latency * 1e9)
        self._seen: deque[tuple[int, bool]] = deque()
        self._held = False

    def reset(self, seed: int | None = None) -> None:
        """A new episode: the key is let go."""
        self._operator.reset(seed)
        self._seen.clear()
        self._held = False

    def input(self, reading: Reading, *, policy_active: bool) -> DeviceInput:
        """What the other does, and the key."""
        device = self._operator.input(reading, policy_active=policy_active)
        self._seen.append((device.stamp, self._done()))
        while self._seen and self._seen[0][0] <= device.stamp - self._latency:
            self._held = self._seen.popleft()[1]
        return replace(device, buttons=device.buttons | {"success"}) if self._held else device
