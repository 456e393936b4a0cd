"""Recording one episode: values are handed to a writer thread and stream to disk as they come."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl import workspace
from robot_rl.datasets.errors import DatasetError, KeptError
from robot_rl.datasets.record import STEP_DTYPES, Sample, Step
from robot_rl.datasets.recording.episode_files import ACTIONS, EpisodeFiles
from robot_rl.datasets.recording.flushing import EarlyFlush
from robot_rl.datasets.recording.handover import HandOver
from robot_rl.datasets.store.codecs import ImageCodec
from robot_rl.datasets.store.files import write_group
from robot_rl.spec import Field

log = logging.getLogger(__name__)

QUEUE_BYTES = 128 << 20
"""What may wait to be written before `add_sample` waits: over 2 s of two 640x480 cameras at 30 Hz."""
FLUSH_SECONDS = 0.5
"""What a killed process can lose of the unfinished episode."""

Finish = Callable[[Path, dict[str, Any], dict[str, str]], int]
"""Puts an episode's folder in place, given its attributes and the SHA-256 of its files; returns its number."""


class EpisodeWriter:
    """One episode being recorded, in a hidden folder until `commit` puts it in place at once.

    `add_sample` and `add_step` copy what they get and return without touching the disk; they wait only
    when the disk is slower than the sensors for so long that the queue is full, which is counted. Use as
    a context manager: what is not committed at its end is discarded.
    """

    def __init__(
        self,
        folder: Path,
        fields: Mapping[str, Field],
        codecs: Mapping[str, ImageCodec],
        action_size: int,
        attributes: Mapping[str, Any],
        finish: Finish,
    ) -> None:
        self.folder = folder
        self.attributes: dict[str, Any] = dict(attributes)
        self.steps = 0
        self._fields, self._codecs, self._action_shape, self._finish = fields, codecs, (action_size,), finish
        self._last_step: int | None = None
        self._last: dict[str, int] = {}
        self._counts: dict[str, int] = dict.fromkeys(fields, 0)
        self._queue = HandOver(QUEUE_BYTES)
        self._error: BaseException | None = None
        self._open = True
        self._lock = threading.Lock()
        try:
            write_group(folder, self.attributes)
            self._files = EpisodeFiles(folder, fields, codecs, action_size)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise DatasetError(f"an episode cannot be begun in {folder}: {error}") from None
        self._thread = threading.Thread(target=self._run, name="episode-writer", daemon=True)
        self._thread.start()

    @property
    def waits(self) -> int:
        """How often the caller had to wait for the disk."""
        return self._queue.waits

    def add_sample(self, sample: Sample) -> None:
        """Add one value of one stream.

        Raises:
            DatasetError: unknown stream, wrong shape or dtype, a stamp before the last one, or the disk failed.
        """
        field = self._fields.get(sample.stream)
        if field is None:
            raise DatasetError(f"no stream '{sample.stream}'.{workspace.did_you_mean(sample.stream, self._fields)}")
        value = _value(field, sample.value)
        self._add(sample.stream, sample.stamp, value, value.nbytes)

    def add_encoded(self, stream: str, stamp: int, data: bytes) -> None:
        """Add one picture that is encoded already with the stream's codec (for editing and salvage).

        Raises:
            DatasetError: not a picture stream, a stamp before the last one, or the disk failed.
        """
        if stream not in self._codecs:
            raise DatasetError(f"'{stream}' is not a picture stream: {', '.join(self._codecs) or 'there is none'}")
        self._add(stream, stamp, data, len(data))

    def add_step(self, step: Step) -> None:
        """Add one control step.

        Raises:
            DatasetError: an action of the wrong length, an executed action that is not finite, a stamp not
                after the last one, or the disk failed.
        """
        row = self._row(step)
        with self._lock:
            if self._last_step is not None and step.stamp <= self._last_step:
                raise DatasetError(
                    f"step {self.steps}: stamp {step.stamp} is not after {self._last_step}; check the clock"
                )
            self._put(("", step.stamp, row), 512)
            self._last_step = step.stamp
            self.steps += 1

    def commit(self, success: bool | None, **attributes: Any) -> int:
        """End the episode and put it in place; returns its number once it is safe on disk.

        Args:
            success: how it ended; None leaves it unlabelled.
            attributes: further attributes of the episode (JSON).

        Raises:
            KeptError: it could not be put in place, and was left for `data salvage`.
            DatasetError: no step was recorded, or it could not be written; the episode is then gone.
        """
        self._check_open()
        try:
            self._stop()
            if not self.steps:
                raise DatasetError("an episode without a single step cannot be committed; discard it")
            self._files.check_lengths(self.steps, self._counts)
            hashes = self._files.finish()
            self._warn_of_empty_streams()
            self.attributes |= attributes | {
                "success": None if success is None else bool(success),
                "steps": self.steps,
                "samples": dict(self._counts),
                "recorder": {"waits": self._queue.waits, "waited": round(self._queue.waited, 3)},
            }
            if errors := self._files.coding_errors:
                self.attributes["coding_error"] = errors
            return self._finish(self.folder, self.attributes, hashes)
        except KeptError:
            raise
        except OSError as error:
            self._remove()
            raise _disk_error(error) from error
        except DatasetError:
            self._remove()
            raise

    def leave(self) -> None:
        """Stop, and leave what was recorded for `data salvage`. Does nothing once committed or discarded."""
        if self._open:
            try:
                self._stop()
            except DatasetError as error:
                log.warning("of the episode that is left unfinished, not all was written: %s", error)
            self._files.abandon()

    def discard(self) -> None:
        """Drop the episode; nothing of it stays. Does nothing once committed or discarded."""
        if self._open:
            try:
                self._stop()
            except (OSError, DatasetError) as error:
                log.warning("the discarded episode had failed already: %s", error)
            self._remove()

    def __enter__(self) -> EpisodeWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open:
            log.warning("the episode was not committed: its %d steps are discarded", self.steps)
            self.discard()

    def _row(self, step: Step) -> dict[str, bytes]:
        row: dict[str, bytes] = {}
        for name in ACTIONS:
            action = np.asarray(getattr(step, name), dtype=np.float64)
            if action.shape != self._action_shape:
                raise DatasetError(f"step {self.steps}: '{name}' has shape {action.shape}, not {self._action_shape}")
            row[name] = action.tobytes()
        if not np.isfinite(step.executed).all():
            raise DatasetError(f"step {self.steps}: the executed action {step.executed} is not finite")
        for name, dtype in STEP_DTYPES.items():
            if name not in ACTIONS:
                row[name] = np.dtype(dtype).type(getattr(step, name)).tobytes()
        return row

    def _add(self, stream: str, stamp: int, value: NDArray[Any] | bytes, size: int) -> None:
        with self._lock:
            last = self._last.get(stream)
            if last is not None and stamp < last:
                raise DatasetError(f"stream '{stream}': stamp {stamp} is before the last one, {last}; check its clock")
            self._put((stream, int(stamp), value), size + 64)
            self._last[stream] = int(stamp)
            self._counts[stream] += 1

    def _put(self, item: tuple[str, int, Any], size: int) -> None:
        self._check_open()
        if not self._queue.put(item, size):
            self._raise_error()
            raise DatasetError("the episode ended while a value was being added")

    def _check_open(self) -> None:
        if not self._open:
            raise DatasetError("this episode is committed or discarded already; begin a new one")

    def _raise_error(self) -> None:
        if isinstance(self._error, OSError):
            raise _disk_error(self._error) from self._error
        if self._error is not None:
            raise DatasetError(f"the episode could not be written: {self._error!r}") from self._error

    def _run(self) -> None:
        """The writer thread: encode and append until the queue is closed and empty."""
        try:
            with EarlyFlush() as early:
                self._write_all(early)
        except BaseException as error:  # noqa: BLE001  whoever adds or commits is told: nobody else takes what they give
            self._error = error
            self._queue.close()

    def _write_all(self, early: EarlyFlush) -> None:
        flushed = time.monotonic()
        while (items := self._queue.take(FLUSH_SECONDS)) is not None:
            for (stream, stamp, value), size in items:
                if stream:
                    self._files.append_sample(stream, stamp, value)
                else:
                    self._files.append_step(value)
                self._queue.done(size)
            if time.monotonic() - flushed > FLUSH_SECONDS:
                self._files.flush()
                early.offer(self._files.growing)
                flushed = time.monotonic()

    def _stop(self) -> None:
        """Let the thread write what is queued, and end. Raises DatasetError if it had failed."""
        self._open = False
        self._queue.close()
        self._thread.join()
        self._raise_error()

    def _remove(self) -> None:
        self._files.abandon()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _warn_of_empty_streams(self) -> None:
        empty = [name for name, count in self._counts.items() if not count]
        if empty:
            log.warning("the episode has no sample of %s; training on these fields will refuse it", ", ".join(empty))


def _value(field: Field, value: Any) -> NDArray[Any]:
    """A private copy of a stream's value. Raises DatasetError on a wrong shape or dtype."""
    array = np.asarray(value)
    if array.shape != field.shape:
        raise DatasetError(f"stream '{field.name}': got shape {array.shape}, the spec says {field.shape}")
    if field.is_image and array.dtype != field.dtype:
        raise DatasetError(f"stream '{field.name}': got {array.dtype} pictures, the data set holds {field.dtype}")
    return np.array(array, dtype=field.dtype, order="C", copy=True)


def _disk_error(error: OSError) -> DatasetError:
    return DatasetError(
        f"the episode could not be written: {error}. It is lost; every committed episode is intact. "
        "Free some space or choose another disk, then record again"
    )
