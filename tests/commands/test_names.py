from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from robot_rl import cli
from robot_rl.commands import record
from robot_rl.commands.names import UsageError, existing_dataset


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace that is not the present folder, `tmp_path / "here"`."""
    monkeypatch.setenv("ROBOT_RL_WORKSPACE", str(tmp_path / "lab"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "lab"


def test_a_folder_that_is_no_data_set_does_not_stand_before_one_of_datasets(
    lab: Path, lift_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(lift_data, lab / "datasets" / "lift")
    Path("lift").mkdir()
    assert cli.main(["data", "verify", "lift"]) == 0


def test_a_foreign_data_set_in_the_present_folder_is_recognised_by_its_name(lab: Path) -> None:
    (Path("theirs") / "meta").mkdir(parents=True)
    (Path("theirs") / "meta" / "info.json").touch()
    with pytest.raises(UsageError, match="theirs is a LeRobotDataset, no robot_rl data set: robot-rl convert theirs"):
        existing_dataset("theirs")


@pytest.mark.parametrize(
    ("name", "place"),
    [("lift", "lab/datasets/lift"), ("./lift", "here/lift"), ("s3://bucket/lift", ""), ("", "")],
)
def test_the_graph_is_told_a_place_that_its_nodes_cannot_read_as_another(lab: Path, name: str, place: str) -> None:
    told = record.Options(device="scripted", dataset=name).launch_arguments()["dataset"]
    assert told == (str(lab.parent / place) if place else name)
