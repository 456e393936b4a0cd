"""What cannot be written is found out beforehand, in one line, and nothing is left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from robot_rl.learn.files import OutputError, held, new_folder, require_file, require_folder


def test_a_place_that_can_be_written_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "there.txt").write_text("mine")
    for folder in (tmp_path, tmp_path / "new" / "deeper", Path("relative")):
        require_folder(folder)
    for file in (tmp_path / "there.txt", tmp_path / "new" / "a.txt"):
        require_file(file)
    assert [p.name for p in tmp_path.iterdir()] == ["there.txt"]
    assert (tmp_path / "there.txt").read_text() == "mine"


def test_a_place_that_cannot_be_written_is_refused_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.touch()
    with pytest.raises(OutputError, match=f"{file}/run cannot be written: {file} is a file"):
        require_folder(file / "run")
    with pytest.raises(OutputError, match=f"{file} cannot be written: {file} is a file"):
        require_folder(file)
    with pytest.raises(OutputError, match=f"{tmp_path} is a folder; name a file in it"):
        require_file(tmp_path)
    for refused in (lambda: require_folder(Path("/proc/x")), lambda: require_file(Path("/proc/x"))):
        with pytest.raises(OutputError, match="/proc/x cannot be written: /proc: "):
            refused()
    with pytest.raises(OutputError, match="/proc/version cannot be written"):
        require_file(Path("/proc/version"))


def test_of_two_runs_that_begin_at_once_each_has_a_folder(tmp_path: Path) -> None:
    folders = [new_folder(tmp_path / "2026-01-01") for _ in range(3)]
    assert [f.name for f in folders] == ["2026-01-01", "2026-01-01-2", "2026-01-01-3"]
    assert all(f.is_dir() for f in folders)


def test_a_folder_is_one_runs_at_a_time(tmp_path: Path) -> None:
    taken = pytest.raises(OutputError, match="run is being written by another process")
    with held(tmp_path / "run"), taken, held(tmp_path / "run"):
        pass
    with held(tmp_path / "run"):
        pass
