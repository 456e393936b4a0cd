from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robot_rl.cli import main
from robot_rl.datasets import Dataset, Phase, Sample, Source, Step
from robot_rl.spec import Field, Layout, Spec

SPEC = Spec("arm", 10.0, Layout((Field("q", (2,)),)), Layout((Field("u", (1,)),)))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    with Dataset.create(tmp_path / "ours", SPEC) as dataset, dataset.new_episode() as writer:
        for t in range(4):
            at = t * 100_000_000
            writer.add_sample(Sample("q", at, np.array([t, 0.5])))
            if t < 3:
                u = np.array([t / 7])
                writer.add_step(Step(at, u, u, u, Source.HUMAN, Phase.DEMONSTRATION))
        writer.commit(True)
    return tmp_path / "ours"


@pytest.mark.parametrize("name", ["lerobot", "robomimic", "diffusion-policy", "rosbag", "minari"])
def test_every_format_goes_out_and_comes_back_on_the_command_line(name: str, source: Path, tmp_path: Path) -> None:
    assert main(["convert", str(source), str(tmp_path / "theirs"), "--to", name]) == 0
    assert main(["convert", str(tmp_path / "theirs"), str(tmp_path / "back"), "--from", name]) == 0
    back = Dataset.open(tmp_path / "back")
    np.testing.assert_array_equal(back[0].steps["executed"], Dataset.open(source)[0].steps["executed"])


def test_what_the_target_cannot_hold_is_printed(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["convert", str(source), str(tmp_path / "a"), "--to", "diffusion-policy"])
    assert "final observation of 1 of 1 episodes" in capsys.readouterr().out
    main(["convert", str(source), str(tmp_path / "b"), "--to", "rosbag"])
    assert "Nothing was lost." in capsys.readouterr().out


@pytest.mark.parametrize("options", [[], ["--to", "minari", "--from", "minari"]])
def test_one_direction_must_be_chosen(options: list[str], source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(source), "x", *options]) == 2
    assert "either --to FORMAT" in capsys.readouterr().err


def test_a_target_that_exists_is_not_touched(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "there").write_text("mine")
    assert main(["convert", str(source), str(tmp_path / "there"), "--to", "robomimic"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "there").read_text() == "mine"


def test_an_episode_that_does_not_exist_is_refused(source: Path, tmp_path: Path) -> None:
    assert main(["convert", str(source), str(tmp_path / "x"), "--to", "minari", "--episodes", "5"]) == 2
    assert not (tmp_path / "x").exists()
