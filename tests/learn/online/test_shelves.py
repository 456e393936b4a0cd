"""One recording, a data set for each direction."""

from __future__ import annotations

from pathlib import Path

from robot_rl.datasets.dataset import Dataset
from robot_rl.hardware import config
from robot_rl.hardware.camera import Intrinsics
from robot_rl.learn.online.shelves import Shelves

ROBOT = config.load("sim_crazyflie")
CAMERAS = {"front": ROBOT.cameras["front"]}


def test_each_direction_is_opened_when_it_is_recorded_to_and_has_the_cameras_intrinsics(tmp_path: Path) -> None:
    said: list[str] = []
    shelves = Shelves(tmp_path / "episodes", ROBOT.spec, CAMERAS, lambda *_: None, said.append)
    shelves.undo()
    shelves.settle()
    assert said == [] and not any(tmp_path.iterdir()), "nothing is open yet"
    there = shelves.take("there")
    shelves.set_intrinsics("front", Intrinsics(128, 128, 100.0, 101.0, 64.0, 63.0))
    back = shelves.take("back")
    assert shelves.take("there") is there and back is not there
    shelves.settle()
    assert len(said) == 1 and "no mark of this sitting left" in said[0]
    shelves.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["back", "there"]
    for name in ("back", "there"):
        noted = Dataset.open(tmp_path / name / "episodes").attributes["cameras"]["front"]["intrinsics"]
        assert (noted["width"], noted["fx"]) == (128, 100.0)
