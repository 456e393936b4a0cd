"""An episode as a table at control rate: what most other formats hold, and back again.

Row t is step t; each stream contributes its latest sample at or before the step (`alignment.latest_before`).
One more row may follow the last step: the final observation. The acquisition stamp of every value comes
along, so that a target that keeps it gives the samples back exactly, and a sample that stands in two rows
is one again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.control.safety import Safety
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.record import STEP_DTYPES, Phase, Sample, Source, Step
from robot_rl.datasets.recording.writer import EpisodeWriter
from robot_rl.datasets.store.reading import Frames


@dataclass(frozen=True)
class Rows:
    """One episode of T steps."""

    steps: Mapping[str, NDArray[Any]]
    """Columns of the steps table by name, `executed` and `stamp` at least; (T,) or (T, A)."""
    values: Mapping[str, Sequence[Any] | NDArray[Any]]
    """Every stream: (T or T + 1, *shape); pictures may be a sequence that decodes one at a time."""
    stamps: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    """When each row of a stream was acquired [ns], as long as its values; absent where it is not known."""
    end: int | None = None
    """When the last step had ended [ns]."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """The episode's attributes, `success` among them."""

    def __len__(self) -> int:
        return len(self.steps["executed"])


class Pictures(Sequence[NDArray[Any]]):
    """Frames (N, *shape) of a stream in the order of the rows, decoded one at a time."""

    def __init__(self, frames: Frames, indices: NDArray[np.int64]) -> None:
        self.frames, self.indices = frames, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.frames.take(self.indices[index])
        return self.frames[int(self.indices[index])]

    def encoded(self, index: int) -> bytes:
        """One frame as it lies on disk."""
        return self.frames.encoded(self.indices[[index]])[0]


def to_rows(episode: Episode, *, final: bool) -> Rows:
    """An episode as a table; with `final` the streams have one row more than there are steps.

    Raises:
        DatasetError: a stream without a single sample.
    """
    values: dict[str, Any] = {}
    stamps: dict[str, NDArray[np.int64]] = {}
    for name in episode.stream_names:
        stream = episode.stream(name)
        indices = episode.aligned_indices(name, final=final)
        frames = stream.values
        values[name] = Pictures(frames, indices) if isinstance(frames, Frames) else stream.take(indices)
        stamps[name] = stream.stamps[indices]
    return Rows(dict(episode.steps), values, stamps, episode.end, kept_attributes(episode))


_NOT_KEPT = {"checksums", "digest", "steps", "samples", "recorder", "number", "format", "software", "id", "end"}


def kept_attributes(episode: Episode) -> dict[str, Any]:
    """The attributes that stay true in another place: all but counts, checksums and identity."""
    return {k: v for k, v in episode.attributes.items() if k not in _NOT_KEPT}


def record(dataset: Dataset, rows: Rows) -> int:
    """Record a table as an episode; columns that the source lacks take the values of a demonstration.

    Returns:
        The number of the episode.

    Raises:
        DatasetError: values of a wrong shape, stamps out of order, or the disk failed.
    """
    given = {k: v for k, v in rows.attributes.items() if k not in ("success", "started")}
    with dataset.new_episode(**given) as writer:
        if "started" in rows.attributes:
            writer.attributes["started"] = rows.attributes["started"]
        _fill(writer, rows, dataset.spec.rate)
        ends = {} if rows.end is None else {"end": int(rows.end)}
        return writer.commit(rows.attributes.get("success"), **ends)


def _fill(writer: EpisodeWriter, rows: Rows, rate: float) -> None:
    columns = step_columns(rows, rate)
    for t in range(len(rows)):
        writer.add_step(step_at(columns, t))
    for name, values in rows.values.items():
        for row, stamp in _samples(rows, name, columns["stamp"], rate):
            writer.add_sample(Sample(name, stamp, np.asarray(values[row])))


def step_columns(rows: Rows, rate: float) -> dict[str, NDArray[Any]]:
    """All columns of `STEP_DTYPES`; unknown actions are NaN, unknown stamps even at `rate` [Hz]."""
    executed = np.asarray(rows.steps["executed"], np.float64)
    length = len(executed)
    unknown = np.full_like(executed, np.nan)
    columns: dict[str, Any] = {
        "stamp": even_stamps(length, rate),
        "proposed": unknown,
        "human": unknown,
        "source": np.full(length, Source.HUMAN, np.uint8),
        "phase": np.full(length, Phase.DEMONSTRATION, np.uint8),
    }
    for name, dtype in STEP_DTYPES.items():
        given = rows.steps.get(name, columns.get(name, np.zeros(length, dtype)))
        columns[name] = np.asarray(given).astype(dtype)
        if len(columns[name]) != length:
            raise DatasetError(f"column '{name}' has {len(columns[name])} rows, the actions have {length}")
    return columns


def even_stamps(length: int, rate: float) -> NDArray[np.int64]:
    """Stamps (length,) of a clock that starts at 0 and ticks at `rate` [Hz], each rounded to a nanosecond."""
    return np.round(np.arange(length) * (1e9 / rate)).astype(np.int64)


def _samples(rows: Rows, name: str, at: NDArray[np.int64], rate: float) -> list[tuple[int, int]]:
    """(row, stamp) of each sample of a stream; rows of equal known stamp are one sample."""
    length = len(rows.values[name])
    if not len(rows) <= length <= len(rows) + 1:
        raise DatasetError(f"stream '{name}' has {length} rows for {len(rows)} steps")
    stamps = rows.stamps.get(name)
    if stamps is not None:
        if len(stamps) != length:
            raise DatasetError(f"stream '{name}' has {length} rows but {len(stamps)} stamps")
        new = np.flatnonzero(np.concatenate([[True], np.diff(stamps) != 0]))
        return [(int(row), int(stamps[row])) for row in new]
    end = int(at[-1]) + round(1e9 / rate) if rows.end is None else rows.end
    every = [*at.tolist(), end]
    return [(row, int(every[row])) for row in range(length)]


def step_at(columns: Mapping[str, NDArray[Any]], t: int) -> Step:
    """Row t of the steps table (all columns of `STEP_DTYPES`)."""
    c = {name: column[t] for name, column in columns.items()}
    return Step(
        stamp=int(c["stamp"]),
        executed=c["executed"],
        proposed=c["proposed"],
        human=c["human"],
        source=Source(int(c["source"])),
        phase=Phase(int(c["phase"])),
        safety=Safety(int(c["safety"])),
        reward=float(c["reward"]),
        success=bool(c["success"]),
        terminated=bool(c["terminated"]),
        truncated=bool(c["truncated"]),
    )
