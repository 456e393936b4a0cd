from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_rl import cli

pytest.importorskip("rerun")
from rerun.chunk import RrdReader


def read(file: Path) -> dict[tuple[str, str], list[Any]]:
    """The logged values by entity and component, in order of time."""
    rows: dict[tuple[str, str], list[tuple[Any, Any]]] = {}
    for chunk in RrdReader(file).stream().to_chunks():
        batch = chunk.to_record_batch()
        if "episode" not in batch.schema.names:
            continue
        times = batch.column("episode").cast("int64").to_pylist()
        for name in batch.schema.names:
            if ":" in name:
                values = (cell[0] for cell in batch.column(name).to_pylist())
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
