from __future__ import annotations

from pathlib import Path

import pytest

from robot_rl import workspace


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace of one robot, with the current directory two folders below its root."""
    robot = tmp_path / "hardware" / "my_arm" / "robot.yaml"
    robot.parent.mkdir(parents=True)
    robot.write_text("description: mine\n")
    deep = tmp_path / "notes" / "today"
    deep.mkdir(parents=True)
    monkeypatch.delenv("ROBOT_RL_WORKSPACE", raising=False)
    monkeypatch.chdir(deep)
    return tmp_path


def test_the_workspace_is_found_from_a_folder_below_it(lab: Path) -> None:
    assert workspace.root() == lab
    assert workspace.find("hardware", "my_arm", "robot.yaml") == lab / "hardware" / "my_arm" / "robot.yaml"


def test_the_environment_variable_comes_before_the_current_directory(
    lab: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path_factory.mktemp("other")
    path = other / "hardware" / "my_arm" / "robot.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("description: the other\n")
    monkeypatch.setenv("ROBOT_RL_WORKSPACE", str(other))
    assert workspace.root() == other
    assert workspace.find("hardware", "my_arm", "robot.yaml") == path


def test_names_come_sorted_and_once_from_every_workspace(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOT_RL_WORKSPACE", str(lab))
    found = workspace.names("hardware", "robot.yaml")
    assert found.count("my_arm") == 1
    assert found == sorted(found)


def test_what_is_not_there_is_none(lab: Path) -> None:
    assert workspace.find("hardware", "no_such_arm", "robot.yaml") is None


def test_did_you_mean_names_the_nearest_and_lists_all() -> None:
    sentence = workspace.did_you_mean("sim_lfit", ["sim_lift", "sim_crazyflie"])
    assert sentence == " Did you mean 'sim_lift'? Known: sim_crazyflie, sim_lift."


def test_did_you_mean_stays_silent_on_what_is_far_from_everything() -> None:
    assert workspace.did_you_mean("zzz", ["sim_lift"]) == " Known: sim_lift."
    assert workspace.did_you_mean("zzz", []) == " Known: none."
