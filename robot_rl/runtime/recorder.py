"""Recording episodes from a running loop or node: begin, samples and steps as they come, end."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.record import Sample, Step
from robot_rl.datasets.recording.writer import EpisodeWriter
from robot_rl.hardware.robot import Reading

log = logging.getLogger(__name__)


class EpisodeSink(Protocol):
    """Takes episodes from a loop as they happen: `Recorder` into a data set, an online learner into its replay."""

    def begin(self, **attributes: Any) -> None: ...

    def sample(self, name: str, stamp: int, value: ArrayLike) -> None: ...

    def reading(self, reading: Reading) -> None: ...

    def step(self, step: Step) -> None: ...

    def end(self, success: bool | None, **attributes: Any) -> int:
        """Keep the episode; returns its number."""
        ...

    def discard(self) -> None:
        """Drop the episode; does nothing when there is none."""
        ...


class Recorder:
    """Writes one episode after another to a data set opened for appending.

    Sensors may call `sample` all the time. Between episodes only the newest value of each stream is kept,
    and becomes the first of the next episode, so that its first step has an observation although a camera
    answers a moment later. A measurement given twice (same stamp) is stored once and counted.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.repeats: Counter[str] = Counter()
        """How often each stream's measurement had been recorded already, in this episode."""
        self._writer: EpisodeWriter | None = None
        self._held: dict[str, Sample] = {}
        self._last: dict[str, int] = {}
        self._end = 0

    @property
    def recording(self) -> bool:
        return self._writer is not None

    @property
    def steps(self) -> int:
        """Steps recorded in this episode."""
        return self._writer.steps if self._writer else 0

    def begin(self, **attributes: Any) -> None:
        """Begin an episode; see `Dataset.new_episode` for the attributes. Raises DatasetError."""
        if self._writer is not None:
            raise DatasetError("an episode is being recorded already; end or discard it first")
        self._writer = self.dataset.new_episode(**attributes)
        self._last.clear()
        self.repeats.clear()

    def sample(self, name: str, stamp: int, value: ArrayLike) -> None:
        """Take one value of one stream, measured at `stamp` [ns]. Raises DatasetError as `EpisodeWriter.add_sample`."""
        if self._writer is None:
            self._held[name] = Sample(name, stamp, np.array(value))
            return
        if self._last.get(name) == stamp:
            self.repeats[name] += 1
            return
        self._release(name, before=stamp)
        self._writer.add_sample(Sample(name, stamp, np.asarray(value)))
        self._last[name] = stamp

    def reading(self, reading: Reading) -> None:
        """Take every value of a reading."""
        for name, value in reading.values.items():
            self.sample(name, reading.stamps[name], value)

    def step(self, step: Step) -> None:
        """Take one control step. Raises DatasetError as `EpisodeWriter.add_step`, or when no episode was begun."""
        self._require().add_step(step)
        self._end = step.stamp

    def end(self, success: bool | None, **attributes: Any) -> int:
        """End the episode and keep it; returns its number once it is safe on disk.

        Args:
            attributes: further attributes, e.g. `end`, the stamp [ns] at which the last step had ended.

        Raises:
            DatasetError: nothing was recorded, or the disk failed; the episode is then lost.
        """
        writer = self._require()
        for name in list(self._held):
            self._release(name, before=self._end + 1)
        self._writer = None
        if self.repeats:
            attributes = {"repeats": dict(self.repeats)} | attributes
        number = writer.commit(success, **attributes)
        log.info("episode %d: %d steps, success %s", number, writer.steps, success)
        return number

    def discard(self) -> None:
        """Drop the episode being recorded; does nothing when there is none."""
        if self._writer is not None:
            self._writer.discard()
            self._writer = None

    def leave(self) -> None:
        """Leave the episode unfinished, for `robot-rl data salvage`; does nothing when there is none."""
        if self._writer is not None:
            self._writer.leave()
            self._writer = None

    def _require(self) -> EpisodeWriter:
        if self._writer is None:
            raise DatasetError("no episode is being recorded; begin one first")
        return self._writer

    def _release(self, name: str, before: int) -> None:
        """Write the value held from before the episode, unless the clock was set back since (a simulation's reset)."""
        held = self._held.pop(name, None)
        if held is not None and held.stamp < before:
            self._require().add_sample(held)
