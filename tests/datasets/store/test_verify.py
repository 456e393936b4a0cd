from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from robot_rl.datasets import Dataset, DatasetError
from robot_rl.datasets.edit.attributes import episode_json
from robot_rl.datasets.record import STEP_DTYPES
from robot_rl.datasets.store.verify import verify

Record = Callable[..., int]


def test_what_was_committed_has_no_problem(dataset: Dataset, record: Record) -> None:
    record(3)
    record(2)
    assert list(verify(dataset)) == []


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "add", "attributes"])
def test_every_damage_is_found_and_named(dataset: Dataset, record: Record, damage: str) -> None:
    record(3)
    record(3)
    file = dataset[1].folder / "steps" / "executed" / "c.0.0"
    if damage == "flip":
        data = bytearray(file.read_bytes())
        data[5] ^= 1
        file.write_bytes(data)
    elif damage == "cut":
        os.truncate(file, 10)
    elif damage == "remove":
        file.unlink()
    elif damage == "add":
        file.with_name("c.1.0").touch()
    else:
        file = dataset[1].folder / "zarr.json"
        file.write_text(file.read_text().replace('"success": true', '"success": false'))
    (problem,) = verify(dataset)
    assert problem.episode == "000001"
    assert (dataset[1].folder / problem.file).with_name(file.name) == file


@pytest.mark.parametrize(("what", "count"), [({"steps": 50}, len(STEP_DTYPES)), ({"samples": {"pose": 9}}, 2)])
def test_an_episode_that_was_committed_with_rows_missing_is_found(
    dataset: Dataset, record: Record, what: dict[str, Any], count: int
) -> None:
    """Every checksum is right; the counts say more than there is."""
    record(3)
    attributes = dataset[0].attributes
    (dataset[0].folder / "zarr.json").write_bytes(episode_json(attributes, what))
    problems = list(verify(dataset))
    assert len(problems) == count
    assert all("the attributes say" in p.what for p in problems)


def test_reading_a_damaged_episode_says_what_to_do_and_others_still_read(dataset: Dataset, record: Record) -> None:
    record(3)
    record(3)
    shard = dataset[0].folder / "streams" / "wrist" / "value" / "c.0.0.0.0"
    shard.write_bytes(shard.read_bytes()[:-1] + b"\0")
    (dataset[0].folder / "steps" / "stamp" / "c.0").unlink()
    with pytest.raises(DatasetError, match="index of its frames is damaged; run `robot-rl data verify`"):
        dataset[0].stream("wrist").values[0]
    with pytest.raises(DatasetError, match=r"steps/stamp/c\.0 cannot be read"):
        dataset[0].steps["stamp"]
    assert len(dataset[1].aligned(["wrist"])["wrist"]) == 3


def journal(dataset: Dataset) -> Path:
    return dataset.path / ".robot_rl" / "journal.jsonl"


def test_a_torn_last_line_of_the_journal_is_repaired(dataset: Dataset, record: Record) -> None:
    for _ in range(3):
        record(2)
    dataset.close()
    os.truncate(journal(dataset), journal(dataset).stat().st_size - 9)
    assert Dataset.open(dataset.path).numbers == (0, 1, 2)
    with Dataset.open(dataset.path, "a") as again:
        assert again.numbers == (0, 1, 2)
    numbers = [json.loads(line).get("add", {}).get("number") for line in journal(dataset).read_text().splitlines()]
    assert [n for n in numbers if n is not None] == [0, 1, 2]


@pytest.mark.parametrize("content", [None, "", "not JSON\n", '{"add": {"number": 0}}\n'])
def test_a_lost_or_damaged_journal_is_rebuilt_from_the_episodes(
    dataset: Dataset, record: Record, content: str | None
) -> None:
    for _ in range(3):
        record(2)
    dataset.close()
    journal(dataset).unlink() if content is None else journal(dataset).write_text(content)
    assert Dataset.open(dataset.path).numbers == (0, 1, 2)
    with Dataset.open(dataset.path, "a") as again:
        assert (again.numbers, len(again[2])) == ((0, 1, 2), 2)
    assert Dataset.open(dataset.path).journal.damage == []


def test_one_unreadable_episode_does_not_hide_the_others(
    dataset: Dataset, record: Record, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        record(2)
    dataset.close()
    journal(dataset).unlink()
    (dataset.path / "episodes" / "000001" / "zarr.json").write_text("{")
    again = Dataset.open(dataset.path, "a")
    assert again.numbers == (0, 2)
    assert re.search("episode 000001 cannot be read", caplog.text)
    assert again.journal.next_number == 3
    assert [p.episode for p in verify(again)] == ["000001"]
