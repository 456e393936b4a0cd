from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from robot_rl import cli
from robot_rl.datasets import Dataset, DatasetError, Phase
from robot_rl.datasets.edit.apply import apply
from robot_rl.datasets.edit.remove import Delete
from robot_rl.datasets.sampling.field_statistics import field_statistics


def test_statistics_are_of_the_episodes_as_they_are_now(dataset: Dataset, record: Callable[..., int]) -> None:
    record(3)  # joints 0, 1, 2 and their negatives
    record(5)
    both = field_statistics(dataset, "joints").statistics
    assert both.count == 8
    np.testing.assert_allclose(both.mean, [13 / 8, -13 / 8])
    apply(dataset, Delete((1,)))
    left = field_statistics(dataset, "joints").statistics
    np.testing.assert_allclose(left.mean, [1, -1])
    np.testing.assert_allclose(left.std, np.sqrt([2 / 3, 2 / 3]))
    action = field_statistics(dataset, "action")
    assert action.labels == ("twist.0", "twist.1", "gripper")
    np.testing.assert_allclose(action.statistics.max, [2, 2.25, 2.5])


def test_steps_that_the_rule_leaves_out_do_not_count(dataset: Dataset, record: Callable[..., int]) -> None:
    record(3)
    record(4, success=False)
    record(2, phase=Phase.RESET)
    assert field_statistics(dataset, "pose").statistics.count == 7
    assert field_statistics(dataset, "pose", "successful").statistics.count == 3
    with pytest.raises(DatasetError, match="no field 'wrist'"):
        field_statistics(dataset, "wrist")


def test_from_the_command_line(
    dataset: Dataset, record: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(3)
    assert cli.main(["data", "stats", str(dataset.path), "--json", str(tmp_path / "s.json")]) == 0
    assert "over 3 steps" in capsys.readouterr().out
    stored = json.loads((tmp_path / "s.json").read_text())
    assert stored["fields"]["joints"]["mean"] == [1.0, -1.0]
    assert cli.main(["data", "stats", str(dataset.path), "--json", str(tmp_path / "no" / "s.json")]) == 2
    assert "cannot be written" in capsys.readouterr().err
