"""Reading one committed episode: its attributes, its steps and its streams, each loaded when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl import workspace
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.record import STEP_DTYPES
from robot_rl.datasets.sampling.alignment import interpolated, latest_before
from robot_rl.datasets.store.files import read_json
from robot_rl.datasets.store.reading import Frames, read_rows
from robot_rl.spec import Spec


@dataclass(frozen=True)
class Stream:
    """One stream at its own rate."""

    name: str
    values: Any
    """(N, *shape): an array, or for pictures a `Frames` that decodes what is indexed: `values[3]`, `values[:]`."""
    stamps: NDArray[np.int64]
    """(N,) acquisition times [ns]."""

    def __len__(self) -> int:
        return len(self.stamps)

    def take(self, indices: NDArray[np.int64]) -> NDArray[Any]:
        """The values at these indices (K,): (K, *shape)."""
        return self.values.take(indices) if isinstance(self.values, Frames) else self.values[indices]  # type: ignore[no-any-return]


_ACTIONS = ("executed", "proposed", "human")


class Steps(Mapping[str, NDArray[Any]]):
    """The columns of the steps table by name, read when first asked for; `record.STEP_DTYPES` lists them."""

    def __init__(self, folder: Path, length: int, action_size: int) -> None:
        self._folder, self._length, self._action_shape = folder, length, (action_size,)
        self._columns: dict[str, NDArray[Any]] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in STEP_DTYPES:
            raise KeyError(f"no column '{name}'.{workspace.did_you_mean(name, STEP_DTYPES)}")
        if name not in self._columns:
            column = read_rows(self._folder / name)
            if len(column) != self._length:
                raise DatasetError(
                    f"{self._folder / name} has {len(column)} rows, the episode has {self._length} steps; "
                    "run `robot-rl data verify`"
                )
            expected = self._action_shape if name in _ACTIONS else ()
            if column.shape[1:] != expected:
                raise DatasetError(
                    f"{self._folder / name}: a row has shape {column.shape[1:]}, the data set's spec says {expected}; "
                    "the episode is of another robot: delete it"
                )
            if name == "stamp":
                check_stamps(self._folder / name, column, strictly=True)
            self._columns[name] = column
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(STEP_DTYPES)

    def __len__(self) -> int:
        return len(STEP_DTYPES)


_KEYS = ("number", "id", "steps", "samples", "purpose", "success")


def _missing(attributes: Any) -> str:
    there = set(attributes) if isinstance(attributes, dict) else set()
    return ", ".join(f"'{key}'" for key in _KEYS if key not in there)


def check_stamps(path: Path, stamps: NDArray[np.int64], *, strictly: bool) -> None:
    """Refuse stamps (N,) [ns] that go back, or with `strictly` stand still: alignment would pick wrong samples.

    Raises:
        DatasetError: naming the file and the first that does.
    """
    steps = np.diff(stamps)
    wrong = np.flatnonzero(steps <= 0 if strictly else steps < 0)
    if len(wrong):
        i = int(wrong[0]) + 1
        raise DatasetError(
            f"{path}: stamp {i} is {stamps[i]}, {'not after' if strictly else 'before'} the one before it, "
            f"{stamps[i - 1]}: the clock was set back; delete the episode, or import it again with other stamps"
        )


class Episode:
    """One committed episode. `len` is its number of steps."""

    def __init__(self, folder: Path, spec: Spec, number: int) -> None:
        self.folder, self.spec, self.number = folder, spec, number

    def __len__(self) -> int:
        return int(self.attributes["steps"])

    def __repr__(self) -> str:
        a = self.attributes
        return f"Episode({self.number}: {len(self)} steps, {a['purpose']}, success {a['success']})"

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """Who, what, when and how it ended; robot_rl/datasets/dataset.py lists the keys."""
        path = self.part("") / "zarr.json"
        attributes = read_json(path).get("attributes")
        if not isinstance(attributes, dict) or not set(_KEYS) <= set(attributes):
            raise DatasetError(
                f"{path}: the episode's attributes lack {_missing(attributes)}; it is damaged: "
                "run `robot-rl data verify`, then delete it or restore it from a copy"
            )
        return attributes

    def part(self, name: str) -> Path:
        """Where a part of the episode lies: `steps`, `streams/<name>`, or the whole for an empty name."""
        return self.folder / name

    @property
    def success(self) -> bool | None:
        """How it ended; None when nobody said."""
        value = self.attributes["success"]
        return None if value is None else bool(value)

    @property
    def purpose(self) -> str:
        return str(self.attributes["purpose"])

    @cached_property
    def steps(self) -> Steps:
        """The steps table: `steps["executed"]` is (T, A)."""
        return Steps(self.part("steps"), len(self), self.spec.action.size)

    @cached_property
    def stream_names(self) -> tuple[str, ...]:
        """Every stream recorded."""
        return tuple(self.attributes["samples"])

    def stream(self, name: str) -> Stream:
        """One stream with its own stamps. Raises DatasetError when there is none of that name."""
        if name not in self._streams:
            if name not in self.stream_names:
                known = workspace.did_you_mean(name, self.stream_names)
                raise DatasetError(
                    f"episode {self.number}, recorded on robot '{self.spec.robot}', has no stream '{name}'.{known}"
                )
            folder = self.part(f"streams/{name}")
            stamps = read_rows(folder / "stamp")
            is_picture = name not in self.spec.observation or self.spec.observation[name].is_image
            values = Frames(folder / "value") if is_picture else read_rows(folder / "value")
            if len(values) != len(stamps):
                raise DatasetError(
                    f"{folder}: {len(values)} values but {len(stamps)} stamps; run `robot-rl data verify`"
                )
            check_stamps(folder / "stamp", stamps, strictly=False)
            field = self.spec.observation.get(name)
            shape = values.info.row_shape if isinstance(values, Frames) else values.shape[1:]
            if field is not None and shape != field.shape:
                raise DatasetError(
                    f"{folder / 'value'}: each value has shape {shape}, the data set's spec says {field.shape}; "
                    f"delete the episode (robot-rl data delete --episodes {self.number})"
                )
            self._streams[name] = Stream(name, values, stamps)
        return self._streams[name]

    def aligned_indices(self, name: str, *, final: bool = False) -> NDArray[np.int64]:
        """For each step the index of the stream's latest sample at or before the step's stamp: (T,) or (T + 1,).

        Steps before the first sample (a camera that started late) take the first. With `final` one more
        row follows: what was seen when the last step had ended.

        Raises:
            DatasetError: the stream has no sample at all.
        """
        stamps = self.stream(name).stamps
        if not len(stamps):
            raise DatasetError(f"episode {self.number} has no sample of '{name}': its sensor was silent")
        at = self.steps["stamp"]
        if final:
            at = np.append(at, self.end)
        return np.maximum(latest_before(stamps, at), 0)

    def aligned(self, names: Iterable[str], *, final: bool = False) -> dict[str, NDArray[Any]]:
        """The streams brought onto the steps, by name: (T, *shape), or (T + 1, *shape) with `final`.

        A field whose spec says `align: linear` is interpolated; every other stream gives its latest sample, see
        `aligned_indices` for that rule and the errors.
        """
        return {n: self._aligned(n, final) for n in names}

    def _aligned(self, name: str, final: bool) -> NDArray[Any]:
        indices = self.aligned_indices(name, final=final)
        field = self.spec.observation.get(name)
        if field is None or field.align == "latest":
            return self.stream(name).take(indices)
        at = np.append(self.steps["stamp"], self.end) if final else self.steps["stamp"]
        stream = self.stream(name)
        return interpolated(np.asarray(stream.values[:]), stream.stamps, at, pose=field.kind == "pose")

    @property
    def end(self) -> int:
        """When the last step had ended [ns]: as recorded, else one control period after its start."""
        recorded = self.attributes.get("end")
        return int(self.steps["stamp"][-1]) + self.spec.period_ns if recorded is None else int(recorded)

    @cached_property
    def _streams(self) -> dict[str, Stream]:
        return {}
