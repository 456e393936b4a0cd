"""What a session says above its progress bar."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs robot_rl[train]")

from robot_rl.commands.finetune_view import View  # noqa: E402
from robot_rl.commands.finetune_watch import Watch  # noqa: E402
from robot_rl.learn.online.book import Seen  # noqa: E402
from robot_rl.learn.online.opening import Opening  # noqa: E402
from robot_rl.learn.online.recipe import Recipe  # noqa: E402
from robot_rl.learn.online.tally import Tally  # noqa: E402


def test_a_command_to_copy_is_one_line_however_narrow_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    command = "  robot-rl finetune --resume " + "/a/folder/with/a/long/name [of sorts]" * 5
    with Watch() as watch:
        watch.say(command)
    assert command in capsys.readouterr().out.splitlines()


def test_where_there_is_no_terminal_for_the_bar_a_line_says_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with Watch() as watch:
        watch.begin("fine-tuning", 0, 500)
        watch.episode(40, "1/1 of the last succeeded, 12% by the human")
    assert "40 of 500 robot steps: 1/1 of the last succeeded, 12% by the human" in capsys.readouterr().out.splitlines()


def test_a_session_ends_with_what_to_do_next_also_where_its_report_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "report.html").mkdir()
    with View(Recipe(), Opening(tmp_path)) as view:
        view.end(Seen(Tally(robot_steps=5, episodes=1), [], {}, 0, 0))
    said = capsys.readouterr().out
    assert f"robot-rl finetune --resume {tmp_path}" in said and "deploy: robot-rl deploy" in said
    assert "report:" not in said and "the report is not complete" in caplog.text
