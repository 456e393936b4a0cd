"""Copying whole data sets between a folder and an object store, byte by byte."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from robot_rl.datasets.cloud.commit import upload
from robot_rl.datasets.cloud.dataset import RemoteDataset
from robot_rl.datasets.cloud.index import claim_key
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.files import canonical_json
from robot_rl.datasets.store.index import Entry, episode_name
from robot_rl.datasets.store.root import HIDDEN


def push(source: Dataset, url: str) -> int:
    """Copy a data set from a folder to an object store; what is there already (by id) is not sent again.

    Numbers are kept in an empty target; where other episodes were appended in the meantime new ones are given.

    Returns:
        How many episodes were sent.

    Raises:
        DatasetError: another data set is at the address, or the store could not be reached (run it again then).
    """
    try:
        target = RemoteDataset.make(url, source.attributes)
    except DatasetError:
        target = RemoteDataset(url, "a")
    with target:
        if target.identity != source.identity:
            raise DatasetError(f"{url} is another data set (identity {target.identity}, not {source.identity})")
        there = {e.id for e in target.remote.entries.values()}
        wanted = [e for e in source if e.attributes["id"] not in there]
        with tempfile.TemporaryDirectory() as notes:
            for episode in wanted:
                note = Path(notes) / f"{episode.number}.json"
                first = _skip_to(target, episode.number)
                complete = upload(target.objects, episode.folder, episode.attributes, note, first)
                target.remote.add(Entry.from_attributes(complete))
    return len(wanted)


def _skip_to(target: RemoteDataset, number: int) -> int:
    """Claim the numbers below that no episode has, so that this one keeps its own; returns the lowest free one."""
    first = target.remote.next_number
    while first < number and target.objects.create(claim_key(first), canonical_json({"time": 0.0})):
        first += 1
    return first


def pull(source: RemoteDataset, target: Path) -> int:
    """Copy a data set from an object store to a folder; returns how many episodes were copied.

    Raises:
        DatasetError: the target exists, or an object is missing or damaged.
    """
    if target.exists():
        raise DatasetError(f"{target} exists already; choose another name")
    passing = target.with_name(f".{target.name}.part")
    shutil.rmtree(passing, ignore_errors=True)
    (passing / HIDDEN / "incoming").mkdir(parents=True)
    (passing / "episodes").mkdir()
    shutil.copyfile(source.path / "zarr.json", passing / "zarr.json")
    shutil.copyfile(source.path / "episodes/zarr.json", passing / "episodes/zarr.json")
    for episode in source:
        shutil.copytree(episode.folder, passing / "episodes" / episode_name(episode.number))
    (passing / HIDDEN / "journal.jsonl").touch()
    Dataset.open(passing, "a").close()  # writes the journal
    passing.rename(target)
    return len(source)
