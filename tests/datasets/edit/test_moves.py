"""A data set of unknown origin cannot make whoever opens or edits it write elsewhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from robot_rl.datasets import Dataset, DatasetError
from robot_rl.datasets.edit.apply import apply, undo
from robot_rl.datasets.edit.relabel import Relabel
from robot_rl.datasets.edit.remove import Delete

Move = dict[str, str]


def plant(path: Path, *moves: Move, edit: str = "000000", **changes: Any) -> None:
    """Put an edit that is decided and not in place into a data set, as a killed process leaves one."""
    folder = path / ".robot_rl/edits" / edit
    folder.mkdir(parents=True)
    record = {"number": 0, "job": "relabel", "summary": "", "when": "", "state": "prepared", "next": 4}
    record |= {"episodes": [], "moves": moves}
    (folder / "edit.json").write_text(json.dumps(record | changes))
    (path / ".robot_rl/pending.json").write_text(json.dumps({"edit": edit, "direction": "forward"}))


@pytest.fixture
def path(four: Dataset) -> Path:
    """A data set that is closed, beside a file that it must not touch, with something to put there."""
    four.close()
    (four.path.parent / "home").mkdir()
    (four.path.parent / "home/.bashrc").write_text("mine")
    (four.path / "payload").write_text("theirs")
    return four.path


def refused(path: Path, words: str) -> None:
    """Opening says so, in either mode, and changes nothing next door."""
    for mode in ("r", "a"):
        with pytest.raises(DatasetError, match=words):
            Dataset.open(path, mode)
    home = path.parent / "home"
    assert [(p.name, p.read_text()) for p in home.iterdir()] == [(".bashrc", "mine")]


NEW = ".robot_rl/edits/000000/new"
OLD = ".robot_rl/edits/000000/old"


@pytest.mark.parametrize(
    ("source", "target", "put"),
    [
        ("payload", "../home/.bashrc", "1"),
        ("payload", "{home}/.bashrc", "1"),
        (f"{NEW}/../home/.bashrc", "../home/.bashrc", "1"),
        (f"{NEW}/episodes/000000/../../../home/.bashrc", "episodes/000000/../../../home/.bashrc", "1"),
        (f"{NEW}/episodes/../../home/.bashrc", "episodes/../../home/.bashrc", ""),
        ("../home/.bashrc", f"{OLD}/../home/.bashrc", ""),
        ("episodes/000000/zarr.json", "episodes/000001/zarr.json", "1"),
        ("payload", "episodes/000009", ""),
        ("zarr.json", ".robot_rl/journal.jsonl", ""),
        (f"{NEW}//zarr.json", "/zarr.json", "1"),
        (f"{NEW}/episodes/000000/a\0b", "episodes/000000/a\0b", ""),
    ],
)
def test_a_planted_edit_that_reaches_elsewhere_is_refused(path: Path, source: str, target: str, put: str) -> None:
    target = target.format(home=path.parent / "home")
    plant(path, {"source": source, "target": target, "put": put})
    refused(path, "as no edit does")


@pytest.mark.parametrize("edit", ["../../../evil", "0", "/tmp", "00000\n0"])
def test_a_pending_edit_is_named_by_its_number(path: Path, edit: str) -> None:
    plant(path)
    (path / ".robot_rl/pending.json").write_text(json.dumps({"edit": edit, "direction": "forward"}))
    refused(path, "a number of six digits was expected")


@pytest.mark.parametrize("changes", [{"number": 7}, {"number": "x"}, {"episodes": ["x"]}, {"moves": [{"source": 1}]}])
def test_a_planted_record_that_does_not_fit_its_folder_is_refused(path: Path, changes: dict[str, Any]) -> None:
    plant(path, **changes)
    refused(path, "is damaged")


def test_no_edit_is_carried_out_through_a_link(path: Path) -> None:
    link = path / "episodes/000001/streams"
    shutil.rmtree(link)
    link.symlink_to(path.parent / "home")
    target = "episodes/000001/streams/profile"
    plant(path, {"source": "episodes/000000/zarr.json", "target": target, "put": ""})
    refused(path, "is a symbolic link")


def test_an_edit_does_not_go_through_a_link_that_it_put_in_place_itself(path: Path) -> None:
    first = path / NEW / "episodes/000009"
    moves = [
        {"source": f"{NEW}/episodes/000009", "target": "episodes/000009", "put": ""},
        {"source": "episodes/000000/zarr.json", "target": "episodes/000009/streams/profile", "put": ""},
    ]
    plant(path, *moves)
    first.mkdir(parents=True)
    (first / "streams").symlink_to(path.parent / "home")
    refused(path, "is a symbolic link")


@pytest.mark.parametrize("name", ["lock", "journal.jsonl", "incoming", "edits"])
def test_nothing_is_written_through_a_link_of_the_data_set(path: Path, name: str) -> None:
    linked = path / ".robot_rl" / name
    shutil.rmtree(linked) if linked.is_dir() else linked.unlink(missing_ok=True)
    folder = name in ("incoming", "edits")
    linked.symlink_to(path.parent / ("home" if folder else "home/.bashrc"))
    with pytest.raises(DatasetError, match=f"{name} is a symbolic link"):
        Dataset.open(path, "a")
    assert (path.parent / "home/.bashrc").read_text() == "mine"


def test_a_file_being_replaced_is_not_written_through_a_link(path: Path) -> None:
    (path / ".robot_rl/.journal.jsonl.new").symlink_to(path.parent / "home/.bashrc")
    (path / ".robot_rl/journal.jsonl").unlink()
    with Dataset.open(path, "a") as dataset:
        assert dataset.numbers == (0, 1, 2, 3)
    assert (path.parent / "home/.bashrc").read_text() == "mine"


def test_an_edit_that_would_go_through_a_link_changes_nothing(path: Path) -> None:
    moved = path.parent / "elsewhere"
    (path / "episodes/000001").rename(moved)
    (path / "episodes/000001").symlink_to(moved)
    with Dataset.open(path, "a") as dataset:
        for edit in (Relabel((1,), success="false"), Delete((1,))):
            with pytest.raises(DatasetError, match="is a symbolic link"):
                apply(dataset, edit)
        assert dataset.numbers == (0, 1, 2, 3) and not (path / ".robot_rl/pending.json").exists()
        apply(dataset, Delete((2,)))
        undo(dataset)
    assert Dataset.open(path).numbers == (0, 1, 2, 3)


def test_a_data_set_may_itself_be_reached_by_a_link(path: Path) -> None:
    link = path.parent / "link"
    link.symlink_to(path)
    with Dataset.open(link, "a") as dataset:
        apply(dataset, Delete((1,)))
        assert dataset.numbers == (0, 2, 3)
