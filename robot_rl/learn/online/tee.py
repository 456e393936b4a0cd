"""One episode into several sinks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from robot_rl.datasets.record import Step
from robot_rl.hardware.robot import Reading
from robot_rl.runtime.recorder import EpisodeSink


class Tee:
    """Passes an episode on to each sink in turn; implements EpisodeSink.

    The first is the one that counts: it keeps the episode before the others hear of its end, and gives its number.
    """

    def __init__(self, sinks: Sequence[EpisodeSink]) -> None:
        self.sinks = tuple(sinks)

    def begin(self, **attributes: Any) -> None:
        for sink in self.sinks:
            sink.begin(**attributes)

    def sample(self, name: str, stamp: int, value: ArrayLike) -> None:
        for sink in self.sinks:
            sink.sample(name, stamp, value)

    def reading(self, reading: Reading) -> None:
        for sink in self.sinks:
            sink.reading(reading)

    def step(self, step: Step) -> None:
        for sink in self.sinks:
            sink.step(step)

    def end(self, success: bool | None, **attributes: Any) -> int:
        """Keep the episode; returns its number in the first sink."""
        numbers = [sink.end(success, **attributes) for sink in self.sinks]
        return numbers[0]

    def discard(self) -> None:
        for sink in self.sinks:
            sink.discard()
