from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robot_rl.cli import main
from robot_rl.datasets import Dataset, Phase, Sample, Source, Step
from robot_rl.spec import Field, Layout, Spec

SPEC = Spec("arm", 20.0, Layout((Field("joints", (2,)),)), Layout((Field("u", (3,)),)))


def test_a_data_set_goes_to_the_store_is_described_there_and_comes_back(
    bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    local, url = str(tmp_path / "local"), f"{bucket}/lift"
    with Dataset.create(local, SPEC) as dataset, dataset.new_episode() as writer:
        for t in range(3):
            writer.add_sample(Sample("joints", t, np.full(2, 1.5)))
            writer.add_step(Step(t, np.ones(3), np.ones(3), np.ones(3), Source.HUMAN, Phase.DEMONSTRATION))
        writer.commit(True)
    assert main(["copy", local, url]) == 0
    assert main(["copy", local, url]) == 0
    assert "0 episodes sent, 1 were there already" in capsys.readouterr().out
    monkeypatch.setenv("ROBOT_RL_MIRROR", str(tmp_path / "elsewhere"))
    assert main(["info", url]) == 0
    assert "1 of 1" in capsys.readouterr().out
    assert main(["copy", url, str(tmp_path / "back")]) == 0
    np.testing.assert_array_equal(Dataset.open(tmp_path / "back")[0].stream("joints").values, np.full((3, 2), 1.5))
    assert main(["convert", url, str(tmp_path / "out.hdf5"), "--to", "robomimic"]) == 0
    assert main(["convert", str(tmp_path / "out.hdf5"), f"{bucket}/again", "--from", "robomimic"]) == 0
    assert len(Dataset.open(f"{bucket}/again")) == 1


def test_copying_between_folders_is_left_to_the_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["copy", "a", "b"]) == 2
    assert "cp -r" in capsys.readouterr().err
