from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path
from threading import Timer

import pytest

from robot_rl import cli
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.store.lock import is_written

KILLED = """
import os, signal, sys, time
import numpy as np
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.record import Phase, Source, Step
dataset = Dataset.open(sys.argv[1], "a")
writer = dataset.new_episode()
action = np.zeros(dataset.spec.action.size)
for t in range(int(sys.argv[2])):
    writer.add_step(Step(10**9 + t * dataset.spec.period_ns, action, action, action, Source.HUMAN, Phase.DEMONSTRATION))
    time.sleep(0.03)  # as in a control loop; every second or so what has come is flushed
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def copy(lift_data: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(lift_data, tmp_path / "lift"))


def test_an_untouched_data_set_verifies(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "verify", str(copy)]) == 0
    assert "1 episodes, all as committed" in capsys.readouterr().out


def test_one_flipped_byte_is_found_and_exits_1(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [p for p in copy.glob("episodes/*/steps/executed/**/*") if p.is_file() and p.name != "zarr.json"]
    content = bytearray(files[0].read_bytes())
    content[0] ^= 1
    files[0].write_bytes(bytes(content))
    assert cli.main(["data", "verify", str(copy)]) == 1
    assert "steps/executed" in capsys.readouterr().out


def test_what_a_killed_recording_left_is_kept_or_dropped(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(copy), "80"], check=False)
    assert len(Dataset.open(copy).unfinished()) == 1
    assert cli.main(["data", "salvage", str(copy)]) == 0
    assert "kept as episode 1" in capsys.readouterr().out
    dataset = Dataset.open(copy)
    assert dataset.unfinished() == []
    assert 0 < len(dataset.episode(1)) <= 80
    assert dataset.episode(1).success is None
    subprocess.run([sys.executable, "-c", KILLED, str(copy), "3"], check=False)
    assert cli.main(["data", "salvage", str(copy), "--drop"]) == 0
    assert "dropped" in capsys.readouterr().out
    assert len(Dataset.open(copy)) == len(dataset)


@pytest.mark.parametrize("command", [("info",), ("data", "verify")])
def test_where_a_killed_recording_left_an_episode_that_is_said_with_what_keeps_it(
    copy: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    def told() -> str:
        assert cli.main([*command, str(copy)]) == 0
        return capsys.readouterr().out

    assert "unfinished" not in told()
    subprocess.run([sys.executable, "-c", KILLED, str(copy), "3"], check=False)
    assert f"1 unfinished episode: robot-rl data salvage {copy}" in told()
    with Dataset.open(copy, "a") as dataset:
        assert len(dataset.left()) == 1
        writer = dataset.new_episode()
        assert len(dataset.left()) == 1, "its own is not dead"
        assert "2 unfinished episodes, while the data set is being written" in told()
        writer.discard()
    assert f"1 unfinished episode: robot-rl data salvage {copy}" in told()


def test_a_reader_s_look_at_the_lock_keeps_no_writer_out(copy: Path) -> None:
    lock = copy / ".robot_rl" / "lock"
    Dataset.open(copy, "a").close()
    looking = lock.open()
    fcntl.flock(looking, fcntl.LOCK_SH)
    Timer(0.03, looking.close).start()
    with Dataset.open(copy, "a"):
        assert is_written(lock)
    assert not is_written(lock)


def test_drop_with_verify_is_refused(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["data", "verify", str(copy), "--drop"])
    assert ended.value.code == 2
    assert "--drop" in capsys.readouterr().err
