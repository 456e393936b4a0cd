from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

from robot_rl import cli
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.record import Phase


@pytest.fixture
def three(lift_data: Path, tmp_path: Path) -> Path:
    """Three times the small data set's episode, in one."""
    path = Path(shutil.copytree(lift_data, tmp_path / "lift"))
    assert cli.main(["data", "split", str(path), "--episode", "0", "--at", "4", "8", "--yes"]) == 0
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = cli.main(["data", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_edits_from_the_command_line_say_what_they_do_and_can_be_undone(
    three: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Dataset.open(three).numbers == (1, 2, 3)
    code, out, _ = run(capsys, "relabel", str(three), "--episodes", "1-2", "--success", "false", "--yes")
    assert (code, out.splitlines()[0]) == (0, "relabel episodes 1-2: success = false")
    code, out, _ = run(capsys, "relabel", str(three), "--episodes", "3", "--phase", "reset", "--steps", "1:3", "--yes")
    assert code == 0
    C, R = Phase.CORRECTION, Phase.RESET
    assert Dataset.open(three).episode(3).steps["phase"].tolist() == [C, R, R, C]
    assert run(capsys, "trim", str(three), "--episode", "2", "--steps", "1:", "--yes")[0] == 0
    assert run(capsys, "delete", str(three), "--episodes", "1", "--yes")[0] == 0
    assert run(capsys, "rename", str(three), "--old", "wrist", "--new", "hand", "--yes")[0] == 0
    dataset = Dataset.open(three)
    assert [len(e) for e in dataset] == [3, 4]
    assert "hand" in dataset.cameras
    for _ in range(5):
        assert run(capsys, "undo", str(three), "--yes")[0] == 0
    dataset = Dataset.open(three)
    assert [len(e) for e in dataset] == [4, 4, 4]
    assert [e.success for e in dataset] == [None, None, True]
    assert "wrist" in dataset.cameras
    _, out, _ = run(capsys, "log", str(three))
    assert out.count("(undone)") == 5
    assert "split episode 0 at 4, 8 into episodes 1 to 3\n" in out
    assert run(capsys, "compact", str(three), "--yes")[0] == 0
    assert run(capsys, "undo", str(three), "--yes")[2].startswith("robot-rl: ")
    assert run(capsys, "verify", str(three))[0] == 0


def test_without_yes_and_without_a_terminal_nothing_is_done(three: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "keep", str(three), "--episodes", "2")
    assert (code, "add --yes" in err) == (2, True)
    assert out.startswith("keep episodes 2: delete 2 episodes (1, 3)")
    assert Dataset.open(three).numbers == (1, 2, 3)


def test_no_at_the_prompt_leaves_all_as_it_was(
    three: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for answer, code, left in (("n\n", 1, (1, 2, 3)), ("y\n", 0, (1, 3))):
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        assert run(capsys, "delete", str(three), "--episodes", "2")[0] == code
        assert Dataset.open(three).numbers == left


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["delete", "--episodes", "9"], "it holds 1-3"),
        (["delete", "--episodes", "x"], "'x' is no episode number"),
        (["delete", "--episodes", "3-1"], "runs backwards"),
        (["trim", "--episode", "1", "--steps", "5"], "write FIRST:STOP"),
        (["trim", "--episode", "8", "--steps", "1:"], "no episode 8"),
        (["relabel", "--episodes", "1", "--phase", "reset", "--steps", "1:"], "name the end too"),
        (["merge", "--sources", "nothing_of_that_name"], "no data set at"),
    ],
)
def test_what_cannot_be_done_is_one_line_with_the_remedy(
    three: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    code, _, err = run(capsys, arguments[0], str(three), *arguments[1:], "--yes")
    assert code == 2
    assert words in err and len(err.strip().splitlines()) == 1
    assert Dataset.open(three).numbers == (1, 2, 3)


def test_merging_from_the_command_line_brings_every_episode(
    three: Path, lift_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "merge", str(three), "--sources", str(lift_data), "--yes")
    assert (code, out.splitlines()[0]) == (0, "merge 1 episodes of lift into lift")
    assert [len(e) for e in Dataset.open(three)] == [4, 4, 4, 12]


def test_check_reports_and_only_strict_makes_it_an_exit_code(three: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "check", str(three))
    assert code == 0
    assert "unlabelled" in out and "2 episodes: 1-2" in out
    assert run(capsys, "check", str(three), "--strict")[0] == 1
