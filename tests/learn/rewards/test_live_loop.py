"""Live collection in one process: the labels say what the task says, although the hand is late."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="needs robot_rl[sim]")

from robot_rl import cli  # noqa: E402
from robot_rl.hardware import config as hardware_config  # noqa: E402
from robot_rl.hardware.human import Operator  # noqa: E402
from robot_rl.learn.rewards import live_loop, storage  # noqa: E402
from robot_rl.rewards.frames import SUCCESS  # noqa: E402
from robot_rl.rewards.live import LiveCollector, LiveConfig  # noqa: E402
from robot_rl.rewards.view import View  # noqa: E402
from robot_rl.sim.operators.success_key import SuccessKey  # noqa: E402

LATE = 0.4


def test_pictures_of_success_are_those_that_the_task_calls_so() -> None:
    setup = hardware_config.load("sim_pegslot")
    collector = LiveCollector(View("front", 64, 64, None, 16), LiveConfig(latency=LATE, before=0.0, near=0.0), {})
    truth: list[bool] = []

    def operator(robot: Any) -> Operator:
        def done() -> bool:
            truth.append(robot.outcome().success)
            return truth[-1]

        return SuccessKey(hardware_config.make_operator(setup, "expert"), done, LATE)

    (takes,) = live_loop.run(setup, collector, operator, (str(i) for i in itertools.count()), episodes=1)
    frames = collector.frames()
    assert takes == 1 and frames.ids == ("0",)
    unsure = round(LATE * setup.spec.rate)  # the newest: the hand is still on its way
    success = np.array(truth[: len(frames)])
    assert len(frames) == len(truth) - unsure and success.any() and not success.all()
    np.testing.assert_array_equal(frames.kinds == SUCCESS, success)


@pytest.mark.slow
def test_the_command_goes_on_with_what_lies_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["reward", "collect", "--live", "--robot", "sim_pegslot", "--device", "scripted", "--in-process"]
    given += ["--quality", "expert", "--camera", "front", "--size", "16", "--output", str(tmp_path), "--takes", "1"]
    assert cli.main(given) == 0
    first = storage.load_frames(tmp_path)
    assert cli.main([*given, "--seed", "3"]) == 0
    both = storage.load_frames(tmp_path)
    assert both.ids[:1] == first.ids and len(both.ids) == 2 and both.labels.any()
    assert f"success {int(both.labels.sum())}/200" in capsys.readouterr().out


def test_a_data_set_and_live_are_one_or_the_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["reward", "collect", "--camera", "front", "--output", str(tmp_path)]
    assert cli.main(given) == 2
    assert "give either a data set, or --live" in capsys.readouterr().err
    live = ["--live", "--robot", "sim_pegslot", "--in-process"]
    assert cli.main([*given, *live]) == 2
    assert "--in-process needs --device" in capsys.readouterr().err
    assert cli.main([*given, *live, "--camera", "frnt"]) == 2
    assert "did you mean 'front'" in capsys.readouterr().err.lower()
