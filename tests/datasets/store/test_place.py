"""A name of a data set means the same whoever reads it: `datasets/<name>`, unless one lies in the present folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from robot_rl.datasets.store.place import dataset_path, from_anywhere


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder one stands in, beside a workspace."""
    monkeypatch.setenv("ROBOT_RL_WORKSPACE", str(tmp_path / "lab"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def make(path: Path) -> None:
    path.mkdir(parents=True)
    (path / "zarr.json").touch()


def test_a_bare_name_lies_under_datasets_of_the_workspace(here: Path) -> None:
    assert dataset_path("lift") == here.parent / "lab" / "datasets" / "lift"


@pytest.mark.parametrize("recorded", [True, False])
def test_a_folder_of_that_name_that_is_no_data_set_is_passed_over(here: Path, recorded: bool) -> None:
    (here / "lift").mkdir()
    (here / "lift" / "notes.txt").touch()
    if recorded:
        make(here.parent / "lab" / "datasets" / "lift")
    assert dataset_path("lift") == here.parent / "lab" / "datasets" / "lift"


def test_a_data_set_in_the_present_folder_is_meant_by_its_name(here: Path) -> None:
    make(here / "lift")
    assert dataset_path("lift") == Path("lift")


@pytest.mark.parametrize("name", ["./lift", "lift/", "other/lift", "../lift", "/data/lift", ".", ".."])
def test_what_is_written_as_a_path_is_one_whether_or_not_something_is_there(here: Path, name: str) -> None:
    make(here.parent / "lab" / "datasets" / "lift")
    assert dataset_path(name) == Path(name)


def test_a_home_folder_and_an_address_are_no_names(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert dataset_path("~/lift") == Path("/home/someone/lift")
    assert dataset_path("s3://bucket/lift") == Path("s3://bucket/lift")


def test_a_place_is_handed_on_from_the_root_or_as_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert from_anywhere(Path("lift")) == str(tmp_path / "lift")
    assert from_anywhere(dataset_path("s3://bucket/lift")) == "s3://bucket/lift"
