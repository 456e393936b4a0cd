from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_rl import cli
from robot_rl.datasets import Dataset, Phase, Sample, Source, Step
from robot_rl.hardware.config import load

pytest.importorskip("rerun")
from rerun.chunk import RrdReader


def read(file: Path) -> dict[tuple[str, str], list[Any]]:
    """The logged values by entity and component, in order of time."""
    rows: dict[tuple[str, str], list[tuple[Any, Any]]] = {}
    for chunk in RrdReader(file).stream().to_chunks():
        batch = chunk.to_record_batch()
        static = "episode" not in batch.schema.names
        times = [0] * batch.num_rows if static else batch.column("episode").cast("int64").to_pylist()
        for name in batch.schema.names:
            if ":" in name:
                cells = batch.column(name).to_pylist()
                values = (cell if static or not cell else cell[0] for cell in cells)
                rows.setdefault((str(chunk.entity_path), name), []).extend(zip(times, values))
    return {key: [value for _, value in sorted(pairs, key=lambda p: p[0])] for key, pairs in rows.items()}


def test_an_episode_is_written_as_a_recording_that_rerun_reads_back(
    lift_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "lift.rrd"
    assert cli.main(["view", str(lift_data), "--save", str(file)]) == 0
    assert f"rerun {file}" in capsys.readouterr().out
    columns = read(file)
    np.testing.assert_allclose(columns["/action/twist/vx/executed", "Scalars:scalars"], 0.01 * np.arange(12))
    assert np.isnan(columns["/action/twist/vx/human", "Scalars:scalars"][:7]).all()
    positions = columns["/scene/base/ee_pose", "Transform3D:translation"]
    assert len(positions) == 13
    np.testing.assert_allclose(positions[-1], [0.52, 0.0, 0.2], atol=1e-6)
    assert columns["/step/source", "StateChange:state"] == ["POLICY"] * 5 + ["REWIND"] * 2 + ["HUMAN"] * 5
    assert len(columns["/camera/wrist", "Image:buffer"]) == 13


def test_phases_and_actors_have_their_colours_and_actions_their_lines(lift_data: Path, tmp_path: Path) -> None:
    file = tmp_path / "lift.rrd"
    assert cli.main(["view", str(lift_data), "--save", str(file)]) == 0
    columns = read(file)
    assert columns["/step/phase", "StateChange:state"] == ["AUTONOMOUS"] * 5 + ["RECOVERY"] * 2 + ["CORRECTION"] * 5
    (states,) = columns["/step/phase", "StateConfiguration:values"]
    (colors,) = columns["/step/phase", "StateConfiguration:colors"]
    assert dict(zip(states, (c >> 8 for c in colors))) == {
        "AUTONOMOUS": 0x8B95A1,
        "RECOVERY": 0xE6A400,
        "CORRECTION": 0xD55E00,
    }
    (safety,) = columns["/step/safety", "StateConfiguration:values"]
    assert safety == ["PASSED", "RATE"]
    line = {w: columns[f"/action/twist/vx/{w}", "SeriesLines:colors"][0][0] >> 8 for w in ("executed", "human")}
    assert line == {"executed": 0x009E73, "human": 0xE69F00}
    assert columns["/task/reward", "Scalars:scalars"] == [0.0] * 11 + [1.0]
    (about,) = columns["/about", "TextDocument:text"]
    assert "**instruction**: lift the cube" in about[0]
    strips = columns["/scene/base/ee_pose_path", "LineStrips3D:strips"][0]
    assert [len(s) for s in strips] == [6, 3, 6]


def test_pictures_stored_as_jpeg_are_handed_on_as_they_are(tmp_path: Path) -> None:
    config = load("sim_lift")
    path = tmp_path / "small"
    with Dataset.create(path, config.spec, config.cameras, images="jpeg:90") as dataset:
        with dataset.new_episode() as writer:
            for field in config.spec.observation.vectors:
                writer.add_sample(Sample(field.name, 0, np.eye(1, field.size, field.size - 1)[0]))
            for camera in config.cameras:
                writer.add_sample(Sample(camera, 0, np.full((128, 128, 3), 90, np.uint8)))
            action = np.zeros(config.spec.action.size)
            writer.add_step(Step(0, action, action, action, Source.HUMAN, Phase.DEMONSTRATION))
            writer.commit(None)
        stored = dataset[0].stream("wrist").values.encoded(np.array([0]))[0]
    assert cli.main(["view", str(path), "--save", str(tmp_path / "x.rrd")]) == 0
    columns = read(tmp_path / "x.rrd")
    (blob,) = columns["/camera/wrist", "EncodedImage:blob"]
    assert bytes(blob) == stored
    assert columns["/camera/wrist", "EncodedImage:media_type"] == ["image/jpeg"]


def test_without_a_display_it_says_how_to_save_instead(
    lift_data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert cli.main(["view", str(lift_data)]) == 2
    assert "--save" in capsys.readouterr().err


def test_an_episode_that_is_not_there_is_one_line(lift_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["view", str(lift_data), "--episode", "7", "--save", "x.rrd"]) == 2
    assert "no episode 7" in capsys.readouterr().err
    assert cli.main(["view", str(lift_data.with_name("lfit")), "--save", "x.rrd"]) == 2
    assert "Did you mean 'lift'?" in capsys.readouterr().err
