"""Writing a part of an episode anew: the steps of a range and the samples that were seen during them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.record import STEP_DTYPES
from robot_rl.datasets.recording.episode_files import EpisodeFiles
from robot_rl.datasets.sampling.alignment import latest_before
from robot_rl.datasets.store.files import write_group
from robot_rl.datasets.store.reading import Frames


@dataclass(frozen=True)
class Part:
    """What a part has of its own."""

    steps: int
    samples: Mapping[str, int]
    end: int | None
    """When its last step had ended [ns]; None where the whole episode does not say either."""
    checksums: Mapping[str, str]

    def attributes(self) -> dict[str, Any]:
        """As the attributes of an episode."""
        own = {"steps": self.steps, "samples": dict(self.samples), "checksums": dict(self.checksums)}
        return own if self.end is None else own | {"end": self.end}


def write_part(dataset: Dataset, episode: Episode, folder: Path, start: int, stop: int) -> Part:
    """Write steps `start` to `stop - 1` of an episode to a new folder; its zarr.json is left to the caller.

    Samples run from the latest one at the first step's stamp to the last one until the end of the last step, so
    every step sees what it saw before. Pictures are copied as they are stored. A part that ends before the episode
    did is marked as truncated there.

    Raises:
        OSError: the disk failed. DatasetError: the episode is damaged.
    """
    write_group(folder, {})
    fields = {n: dataset.fields[n] for n in episode.stream_names}
    streams = {n: episode.stream(n) for n in fields}
    codecs = {n: s.values.codec for n, s in streams.items() if isinstance(s.values, Frames)}
    files = EpisodeFiles(folder, fields, codecs, dataset.spec.action.size)
    for row in _rows(episode, start, stop):
        files.append_step(row)
    stamps = episode.steps["stamp"]
    until = int(stamps[stop]) if stop < len(episode) else None
    samples = {}
    for name, stream in streams.items():
        first, last = sample_range(stream.stamps, int(stamps[start]), until)
        samples[name] = last - first
        for i in range(first, last):
            value = stream.values.encoded(np.array([i]))[0] if name in codecs else stream.values[i]
            files.append_sample(name, int(stream.stamps[i]), value)
    checksums = files.finish()
    end = episode.attributes.get("end") if until is None else until
    return Part(stop - start, samples, end, checksums)


def sample_range(stamps: NDArray[np.int64], start: int, until: int | None) -> tuple[int, int]:
    """Which samples (first, one after the last) belong to the time from `start` to `until` [ns], None for all on.

    The latest at or before `start` is among them, and those at `until`: what was seen when the last step ended.
    """
    first, last = latest_before(stamps, np.array([start, start if until is None else until]))
    return max(int(first), 0), len(stamps) if until is None else int(last) + 1


def _rows(episode: Episode, start: int, stop: int) -> list[dict[str, bytes]]:
    columns = {name: episode.steps[name][start:stop] for name in STEP_DTYPES}
    if stop < len(episode) and not columns["terminated"][-1]:
        columns["truncated"] = columns["truncated"].copy()
        columns["truncated"][-1] = True
    return [{name: column[t].tobytes() for name, column in columns.items()} for t in range(stop - start)]
