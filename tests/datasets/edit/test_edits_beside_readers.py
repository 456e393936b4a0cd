"""Readers that open or refresh while edits go on see the state before an edit or the one after, never a part."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from robot_rl.datasets import Dataset, DatasetError
from robot_rl.datasets.edit.apply import apply
from robot_rl.datasets.edit.remove import Delete
from robot_rl.datasets.edit.transaction import records
from robot_rl.datasets.store.verify import verify

EDITOR = """
import sys
from robot_rl.datasets import Dataset
from robot_rl.datasets.edit.apply import apply, undo
from robot_rl.datasets.edit.remove import Delete
from robot_rl.datasets.edit.rename import Rename
with Dataset.open(sys.argv[1], "a") as dataset:
    print("ready", flush=True)
    while True:
        apply(dataset, Delete((0, 1, 3)))
        apply(dataset, Rename("joints", "q"))
        undo(dataset)
        undo(dataset)
"""


def test_a_reader_never_sees_half_an_edit(four: Dataset) -> None:
    four.close()
    path = four.path
    process = subprocess.Popen([sys.executable, "-c", EDITOR, str(path)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        seen = set()
        standing = Dataset.open(path)
        end = time.monotonic() + 6
        while time.monotonic() < end:
            fresh = Dataset.open(path)
            standing.refresh()
            for dataset in (fresh, standing):
                seen.add((dataset.numbers, "q" in dataset.spec.observation))
        allowed = {((0, 1, 2, 3), False), ((2,), False), ((2,), True)}
        assert seen <= allowed
        assert len(seen) >= 2
    finally:
        process.kill()
        process.communicate()


FULL_DISK = """
import sys
from pathlib import Path
from robot_rl.datasets import Dataset, DatasetError
from robot_rl.datasets.edit.apply import apply
from robot_rl.datasets.edit.divide import Split
from robot_rl.datasets.edit.remove import Delete
from robot_rl.datasets.edit.transaction import records
from robot_rl.datasets.store.verify import verify
import shutil
source, small = sys.argv[1:]
shutil.copytree(source, small + "/d")
with Dataset.open(small + "/d", "a") as dataset:
    with open(small + "/filler", "wb", buffering=0) as filler:
        try:
            while filler.write(bytes(4096)) == 4096:
                pass
        except OSError:
            pass
    for edit in (Split(3, (2,)), Delete((0,))):
        try:
            apply(dataset, edit)
        except DatasetError as error:
            print(error)
    print(dataset.numbers, len(list(verify(dataset))), len(records(dataset.path)))
    Path(small + "/filler").unlink()
    apply(dataset, Split(3, (2,)))
    print(dataset.numbers, len(list(verify(dataset))))
"""


def test_a_full_disk_stops_an_edit_before_it_changes_anything(four: Dataset, tmp_path: Path) -> None:
    four.close()
    small = tmp_path / "small"
    small.mkdir()
    mount = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=2m none "$0" && exec "$@"', str(small)]
    try:
        subprocess.run([*mount, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no user namespaces here: a small file system cannot be mounted")
    command = [*mount, sys.executable, "-c", FULL_DISK, str(four.path), str(small)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    *errors, full, room = run.stdout.splitlines()
    assert len(errors) == 2
    assert all("No space left on device" in e and "nothing was changed" in e for e in errors)
    assert full == "(0, 1, 2, 3) 0 0"
    assert room == "(0, 1, 2, 4, 5) 0"


def test_what_a_killed_edit_was_preparing_is_swept_away_by_the_next(four: Dataset) -> None:
    left = four.path / ".robot_rl/edits/000000/new/episodes"
    left.mkdir(parents=True)
    (left / "junk").write_text("x")
    assert records(four.path) == []
    apply(four, Delete((0,)))
    assert not left.exists()
    assert [r.number for r in records(four.path)] == [0]
    assert not list(verify(four))


def test_an_edit_record_that_is_damaged_is_named(four: Dataset) -> None:
    apply(four, Delete((0,)))
    (four.path / ".robot_rl/edits/000000/edit.json").write_text('{"moves": []}')
    with pytest.raises(DatasetError, match=r"000000/edit\.json is damaged"):
        records(four.path)
