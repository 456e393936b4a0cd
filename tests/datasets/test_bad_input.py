"""Foreign, damaged and unsuitable stores: one clear error that names file, field and remedy; nothing is overwritten."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from robot_rl import cli
from robot_rl.datasets import Dataset, DatasetError
from robot_rl.datasets.check.run import check
from robot_rl.datasets.sampling.windows import Windows
from robot_rl.datasets.store.files import read_json

Record = Callable[..., int]


def files(path: Path) -> dict[str, str]:
    """Every file below a folder with its SHA-256."""
    found = sorted(p for p in path.rglob("*") if p.is_file())
    return {str(p.relative_to(path)): hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


@pytest.fixture
def path(dataset: Dataset, record: Record) -> Path:
    """A data set with two episodes of 6 steps, closed."""
    record(6)
    record(6)
    dataset.close()
    return dataset.path


def change(file: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change a zarr.json in place."""
    data = json.loads(file.read_text())
    edit(data)
    file.write_text(json.dumps(data))


def root(edit: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], None]:
    return lambda data: edit(data["attributes"])


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda a: a.update(format=2, software="robot_rl 9.1"), "written by robot_rl 9.1; .*pip install -U robot_rl"),
        (lambda a: a.update(format=0), r"format is 0, .* pip install 'robot_rl==0\.\d+\.\d+' reads it"),
        (lambda a: a.update(format="x", software="y"), "format is 'x', .*install the robot_rl that wrote it"),
        (lambda a: a.pop("format"), "format is None"),
        (lambda a: a.pop("spec"), "'spec' is missing"),
        (lambda a: a.pop("identity"), "'identity' is missing"),
        (lambda a: a["spec"].pop("rate"), r"zarr.json: the description is damaged: spec: 'rate' is missing; restore"),
        (lambda a: a["spec"]["action"]["twist"].update(kind="twits"), "kind 'twits' is none of"),
        (lambda a: a["spec"]["action"]["twist"].update(low=[1, 2, 3]), "low has 3 numbers, the field has 2"),
        (lambda a: a["cameras"]["wrist"].pop("width"), "camera 'wrist': 'width' is missing"),
        (lambda a: a["cameras"].update(wrist=None), "the description is damaged"),
        (lambda a: a["codecs"].pop("wrist"), "codecs lack the picture stream 'wrist'"),
        (lambda a: a["codecs"].update(wrist="jpg"), "no image codec 'jpg'"),
    ],
)
def test_a_description_that_is_damaged_or_of_another_version_is_refused(
    path: Path, edit: Callable[[dict[str, Any]], None], words: str
) -> None:
    change(path / "zarr.json", root(edit))
    before = files(path)
    for mode in ("r", "a"):
        with pytest.raises(DatasetError, match=words):
            Dataset.open(path, mode)
    assert files(path) == before


def test_a_root_that_is_no_json_or_no_zarr_group_is_refused(path: Path) -> None:
    (path / "zarr.json").write_text("{")
    with pytest.raises(DatasetError, match=r"zarr\.json is not readable JSON"):
        Dataset.open(path)
    (path / "zarr.json").write_text("[]")
    with pytest.raises(DatasetError, match="holds a list"):
        Dataset.open(path)


def test_a_data_set_copied_without_its_episodes_is_refused(path: Path) -> None:
    shutil.rmtree(path / "episodes")
    with pytest.raises(DatasetError, match=r"episodes is missing: the folder was copied in part"):
        Dataset.open(path)


def test_a_zarr_store_of_another_kind_is_refused(tmp_path: Path) -> None:
    zarr.create_group(tmp_path / "store", attributes={"title": "weather"})
    with pytest.raises(DatasetError, match="a Zarr store of another kind"):
        Dataset.open(tmp_path / "store")


@pytest.mark.parametrize(
    ("file", "kind", "name"),
    [
        ("x/meta/info.json", "a LeRobotDataset", "lerobot"),
        ("x/meta/episode_ends/.zarray", "a diffusion_policy replay buffer", "diffusion-policy"),
        ("x/data/main_data.hdf5", "a Minari data set", "minari"),
        ("x/metadata.yaml", "a ROS bag", "rosbag"),
        ("x/a.mcap", "a ROS bag", "rosbag"),
        ("x.hdf5", "an HDF5 file", "robomimic"),
    ],
)
def test_another_projects_data_set_is_named_with_the_command_that_converts_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, kind: str, name: str
) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text("{}")
    path = tmp_path / Path(file).parts[0]
    before = files(tmp_path)
    with pytest.raises(DatasetError, match=f"{kind}.*robot-rl convert .* NEW_NAME --from {name}"):
        Dataset.open(path)
    assert cli.main(["data", "check", str(path)]) == 2
    assert f"--from {name}" in capsys.readouterr().err
    assert files(tmp_path) == before


def test_nothing_is_created_over_what_is_there(path: Path, tmp_path: Path, dataset: Dataset) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    for there in (path, tmp_path / "notes", tmp_path / "notes" / "a.txt"):
        before = files(tmp_path)
        with pytest.raises(DatasetError, match="exists already"):
            Dataset.create(there, dataset.spec, dataset.cameras)
        assert files(tmp_path) == before


def rewrite(path: Path, column: str, values: np.ndarray) -> None:
    """Put other rows of the same number and kind in an array of episode 1."""
    folder = path / "episodes" / "000001" / column
    (chunk,) = (p for p in folder.iterdir() if p.name.startswith("c."))
    assert len(chunk.read_bytes()) == values.nbytes
    chunk.write_bytes(values.tobytes())


def test_stamps_that_go_back_are_refused_naming_the_file_and_the_place(path: Path) -> None:
    stamps = np.arange(7) * 50_000_000
    stamps[4] = 10
    rewrite(path, "streams/pose/stamp", stamps)
    episode = Dataset.open(path).episode(1)
    words = r"000001/streams/pose/stamp: stamp 4 is 10, before the one before it, 150000000: the clock was set back"
    with pytest.raises(DatasetError, match=words):
        episode.aligned(["pose"])
    rewrite(path, "steps/stamp", np.array([0, 1, 2, 2, 3, 4]))
    with pytest.raises(DatasetError, match=r"steps/stamp: stamp 3 is 2, not after"):
        _ = Dataset.open(path).episode(1).steps["stamp"]


def test_actions_that_are_not_finite_are_refused_by_training_and_found_by_check(path: Path) -> None:
    executed = np.zeros((6, 3))
    executed[4, 1] = np.nan
    rewrite(path, "steps/executed", executed)
    with pytest.raises(DatasetError, match="episode 1, step 4: 'action' is not finite"):
        Windows(Dataset.open(path), ["pose"], 1, 4)
    found = [f for f in check(Dataset.open(path)).findings if f.kind == "not finite"]
    assert [(f.episode, f.stream) for f in found] == [(1, "executed")]
    assert "the first at 4" in found[0].message


def shape(rows: list[int]) -> Callable[[dict[str, Any]], None]:
    def edit(data: dict[str, Any]) -> None:
        data["shape"] = rows
        data["chunk_grid"]["configuration"]["chunk_shape"] = rows

    return edit


@pytest.mark.parametrize(
    ("array", "rows", "words"),
    [
        ("steps/reward", [5], "reward/c.0 has 24 bytes, 20 were expected; run `robot-rl data verify`"),
        ("steps/executed", [6, 4], "executed/c.0.0 has 144 bytes, 192 were expected"),
        ("steps/executed", [9, 2], "executed has 9 rows, the episode has 6 steps"),
        ("streams/joints/value", [14, 1], "joints: 14 values but 7 stamps"),
    ],
)
def test_lengths_that_do_not_match_are_refused_naming_the_file(
    path: Path, array: str, rows: list[int], words: str
) -> None:
    change(path / "episodes/000001" / array / "zarr.json", shape(rows))
    episode = Dataset.open(path).episode(1)
    with pytest.raises(DatasetError, match=words):
        _ = episode.steps["reward"], episode.steps["executed"], episode.stream("joints")


def test_an_episode_of_another_robot_is_refused_naming_both_shapes(path: Path) -> None:
    def wider(attributes: dict[str, Any]) -> None:
        attributes["spec"]["action"]["gripper"].update(shape=[2], low=[0, 0], high=[1, 1], labels=["a", "b"])
        attributes["spec"]["observation"]["joints"].update(shape=[3], labels=["a", "b", "c"])

    change(path / "zarr.json", root(wider))
    episode = Dataset.open(path).episode(0)
    with pytest.raises(DatasetError, match=r"executed: a row has shape \(3,\), the data set's spec says \(4,\)"):
        _ = episode.steps["executed"]
    with pytest.raises(DatasetError, match=r"joints/value: each value has shape \(2,\), .*spec says \(3,\)"):
        episode.stream("joints")


def test_a_stream_or_column_that_is_missing_is_named(path: Path) -> None:
    shutil.rmtree(path / "episodes/000001/streams/joints/value")
    (path / "episodes/000001/steps/executed/c.0.0").unlink()
    episode = Dataset.open(path).episode(1)
    with pytest.raises(DatasetError, match=r"joints/value/zarr.json is missing; `robot-rl data verify`"):
        episode.stream("joints")
    with pytest.raises(DatasetError, match=r"executed/c.0.0 cannot be read: .*No such file"):
        _ = episode.steps["executed"]


def test_attributes_that_are_missing_are_named(path: Path) -> None:
    change(path / "episodes/000001/zarr.json", root(lambda a: (a.pop("samples"), a.pop("success"))))
    with pytest.raises(DatasetError, match=r"000001/zarr.json: the episode's attributes lack 'samples', 'success'"):
        _ = Dataset.open(path).episode(1).success
    assert Dataset.open(path).episode(0).success is True


READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
SCRIPT = """
import sys
from robot_rl import cli
from robot_rl.datasets import Dataset, DatasetError
path = sys.argv[1]
print(len(Dataset.open(path)), len(Dataset.open(path).episode(1).aligned(["pose", "wrist"])["wrist"]))
for job in (lambda: Dataset.open(path, "a"), lambda: Dataset.create(path + "/new", Dataset.open(path).spec)):
    try:
        job()
    except DatasetError as error:
        print(error)
print(cli.main(["data", "delete", path, "--episodes", "0", "--yes"]), cli.main(["data", "verify", path]))
"""


def test_a_read_only_disk_is_read_and_writing_to_it_is_refused(path: Path) -> None:
    before = files(path)
    command = ["unshare", "-rm", "sh", "-c", READ_ONLY, str(path)]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no user namespaces here: nothing can be mounted read-only")
    run = subprocess.run([*command, sys.executable, "-c", SCRIPT, str(path)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    lengths, opening, creating, _, codes = run.stdout.splitlines()
    assert lengths == "2 6"
    assert "cannot be opened for writing" in opening and "mode='r' reads it" in opening
    assert "cannot be created" in creating and "Read-only file system" in creating
    assert codes == "2 0"
    assert files(path) == before


def test_an_interrupted_edit_on_a_read_only_disk_says_what_to_do(path: Path) -> None:
    """An edit that is half in place cannot be finished there: it is refused rather than read half."""
    edit = path / ".robot_rl/edits/000000"
    edit.mkdir(parents=True)
    record = {"number": 0, "job": "delete", "summary": "delete 1", "when": "", "state": "prepared", "next": 2}
    record |= {"episodes": [1], "moves": [{"source": "episodes/000001", "target": str(edit / "old"), "put": ""}]}
    (edit / "edit.json").write_text(json.dumps(record))
    (path / ".robot_rl/pending.json").write_text(json.dumps({"edit": "000000", "direction": "forward"}))
    command = ["unshare", "-rm", "sh", "-c", READ_ONLY, str(path)]
    script = "import sys\nfrom robot_rl.datasets.edit import transaction\ntransaction.WAIT_SECONDS = 0.2\n"
    script += "from robot_rl.datasets import Dataset\nDataset.open(sys.argv[1])"
    try:
        run = subprocess.run([*command, sys.executable, "-c", script, str(path)], capture_output=True, text=True)
    except OSError:
        pytest.skip("no unshare here")
    if "unshare" in run.stderr or "mount" in run.stderr:
        pytest.skip("no user namespaces here: nothing can be mounted read-only")
    assert "an edit is half in place" in run.stderr and "robot-rl data log" in run.stderr
    assert read_json(path / "episodes/000001/zarr.json")["attributes"]["number"] == 1
