"""A data set of four short episodes to edit, and what it holds in one digest."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from robot_rl.datasets import Dataset
from robot_rl.datasets.store.verify import verify

_location = Path(__file__).parents[1] / "conftest.py"
_spec = importlib.util.spec_from_file_location("datasets_conftest", _location)
assert _spec is not None and _spec.loader is not None
small = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(small)


@pytest.fixture
def four(tmp_path: Path) -> Iterator[Dataset]:
    """Episodes 0 to 3 of 4, 5, 6 and 7 steps; the second failed."""
    with Dataset.create(tmp_path / "data", small.SPEC, small.CAMERAS) as dataset:
        for k in range(4):
            with dataset.new_episode(instruction="lift", operator="ann") as writer:
                small.fill(writer, 4 + k)
                writer.commit(k != 1)
        yield dataset


@pytest.fixture
def content() -> Callable[[Path], dict[str, str]]:
    """Every file that a reader sees, with its SHA-256: the journal of edits and the trash are left out."""

    def files(path: Path) -> dict[str, str]:
        shown = [path / "zarr.json", *(path / "episodes").rglob("*")]
        return {
            str(p.relative_to(path)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(shown) if p.is_file()
        }

    return files


@pytest.fixture
def sound() -> Callable[[Dataset], bool]:
    """Whether every checksum of a data set is right, and the journal names what is there."""

    def check(dataset: Dataset) -> bool:
        there = {int(p.name) for p in (dataset.path / "episodes").iterdir() if p.is_dir()}
        return not list(verify(dataset)) and there == set(dataset.numbers)

    return check
