"""Is every committed episode still what was committed? Each file is compared with its checksum, lengths with counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.record import STEP_DTYPES
from robot_rl.datasets.store.episode_attributes import attributes_digest
from robot_rl.datasets.store.files import read_json, sha256
from robot_rl.datasets.store.index import episode_name
from robot_rl.datasets.store.reading import array_info


@dataclass(frozen=True)
class Problem:
    """One thing that is not as it was committed."""

    episode: str
    """Name of the episode's directory."""
    file: str
    """Path within it."""
    what: str

    def __str__(self) -> str:
        return f"episode {self.episode}: {self.file}: {self.what}"


def verify(dataset: Dataset) -> Iterator[Problem]:
    """Every problem of every episode, reading all of its files."""
    dataset.fetch()
    folder = dataset.path / "episodes"
    names = {p.name for p in folder.iterdir() if p.is_dir()} | {episode_name(n) for n in dataset.numbers}
    for name in sorted(names):
        yield from verify_episode(folder / name)


def verify_episode(folder: Path) -> Iterator[Problem]:
    """The problems of one episode; none when it is bit-identical to what was committed, and that was whole."""
    try:
        attributes = read_json(folder / "zarr.json").get("attributes", {})
        checksums: dict[str, str] = attributes["checksums"]
        if attributes_digest(attributes) != attributes["digest"]:
            yield Problem(folder.name, "zarr.json", "the attributes were changed from outside")
    except (DatasetError, KeyError, TypeError) as error:
        yield Problem(folder.name, "zarr.json", f"the attributes are damaged: {error}")
        return
    changed = list(_changed(folder, checksums))
    yield from changed or _cut_short(folder, attributes)


def _changed(folder: Path, checksums: dict[str, str]) -> Iterator[Problem]:
    """Files that are not those that were committed."""
    for path, digest in checksums.items():
        try:
            if sha256(folder / path) != digest:
                yield Problem(folder.name, path, "the content was changed")
        except OSError as error:
            yield Problem(folder.name, path, f"cannot be read: {error.strerror}")
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    for path in sorted(present - set(checksums) - {"zarr.json"}):
        yield Problem(folder.name, path, "is not part of the episode")


def _cut_short(folder: Path, attributes: dict[str, Any]) -> Iterator[Problem]:
    """Arrays that do not hold as many rows as the attributes say."""
    expected = {f"steps/{column}": attributes.get("steps") for column in STEP_DTYPES}
    for name, count in attributes.get("samples", {}).items():
        expected |= {f"streams/{name}/value": count, f"streams/{name}/stamp": count}
    for array, count in expected.items():
        try:
            length = array_info(folder / array).shape[0]
        except DatasetError as error:
            yield Problem(folder.name, f"{array}/zarr.json", str(error))
            continue
        if length != count:
            yield Problem(folder.name, array, f"holds {length} rows, the attributes say {count}")
