"""`robot-rl compare`: sessions beside each other."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs robot_rl[train]")

from robot_rl import cli  # noqa: E402
from robot_rl.learn.online.curve import Point, write_curve  # noqa: E402
from robot_rl.page.proportion import wilson  # noqa: E402


def session(folder: Path, *points: tuple[int, int, int]) -> Path:
    """A session's curve: robot steps, human steps and successes of 20."""
    folder.mkdir(parents=True)
    rates = [wilson(s, 20) for _, _, s in points]
    curve = [Point(r, h, r / 600, 0, 20, s, p.low, p.high, None, 0, 0, {}) for (r, h, s), p in zip(points, rates)]
    write_curve(folder, curve)
    return folder


def test_what_each_reached_and_when_is_told_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quick = session(tmp_path / "one" / "run", (0, 0, 8), (600, 40, 18), (1200, 55, 19))
    slow = session(tmp_path / "two" / "run", (0, 0, 8), (1200, 0, 10))
    picture = tmp_path / "out.png"
    assert cli.main(["compare", str(quick), str(slow), "--output", str(picture)]) == 0
    lines = " ".join(capsys.readouterr().out.split())
    assert "one/run 8/20 19/20 76% to 99% 1200 2.0 55 600" in lines
    assert "two/run 8/20 10/20 30% to 70% 1200 2.0 0 not yet" in lines
    assert picture.read_bytes()[:4] == b"\x89PNG" and picture.stat().st_size > 10_000


def test_the_pictures_folder_is_made(tmp_path: Path) -> None:
    run = session(tmp_path / "run", (0, 0, 8))
    assert cli.main(["compare", str(run), "--output", str(tmp_path / "new" / "deeper" / "c.svg")]) == 0
    assert "<svg" in (tmp_path / "new" / "deeper" / "c.svg").read_text()


def test_by_default_the_picture_lies_beside_the_first_session(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = session(tmp_path / "runs" / "one", (0, 0, 8)), session(tmp_path / "two", (0, 0, 8))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert cli.main(["compare", str(one), str(two)]) == 0
    assert f"picture: {tmp_path / 'runs' / 'compare.png'}" in capsys.readouterr().out.splitlines()
    assert (tmp_path / "runs" / "compare.png").is_file()
    assert list((tmp_path / "elsewhere").iterdir()) == []
    monkeypatch.chdir(one)
    assert cli.main(["compare", "."]) == 0
    assert not (one / "compare.png").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["{empty}"], "is no session of `robot-rl finetune`, or has not been evaluated yet"),
        (["{run}", "{run}"], "named twice"),
        (["{run}", "--target", "95"], "--target is 95.0"),
        ([], "name at least one session"),
        (["{run}", "--output", "/proc/x.png"], "/proc/x.png cannot be written: /proc"),
        (["{run}", "--output", "c.foo"], "c.foo: a picture's name ends in its format, one of"),
        (["{run}", "--output", "{run}"], "its format"),
    ],
)
def test_what_is_no_session_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    names = {"run": session(tmp_path / "run", (0, 0, 8)), "empty": tmp_path}
    assert cli.main(["compare", *(a.format(**names) for a in arguments)]) == 2
    assert reason in capsys.readouterr().err
