"""With LeRobot's own reader and writer: run where ROBOT_RL_LEROBOT_PYTHON names a Python that has lerobot 0.4.4."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from robot_rl.datasets import Dataset
from robot_rl.datasets.convert import ConvertOptions, export_dataset, import_dataset

PYTHON = os.environ.get("ROBOT_RL_LEROBOT_PYTHON", "")
SCRIPT = Path(__file__).with_name("lerobot_process.py")
FFMPEG = ("avcodec", "avdevice", "avfilter", "avformat", "avutil", "swresample", "swscale")
pytestmark = [
    pytest.mark.skipif(not PYTHON, reason="ROBOT_RL_LEROBOT_PYTHON names no Python that has lerobot 0.4.4"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FFmpeg from the PyAV wheel of that Python under plain names, where torchcodec looks for it."""
    folder = tmp_path_factory.mktemp("ffmpeg")
    for found in (Path(PYTHON).parent.parent / "lib").glob("python3.*/site-packages/av.libs/lib*.so.*"):
        name, _, version = found.name.partition(".so.")
        plain = name.partition("-")[0].removeprefix("lib")
        if plain in FFMPEG:
            (folder / f"lib{plain}.so.{version.partition('.')[0]}").symlink_to(found)
    return folder


def lerobot(libraries: Path, *arguments: object) -> list[dict]:
    environment = os.environ | {"LD_LIBRARY_PATH": str(libraries), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [PYTHON, str(SCRIPT), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("pictures", ["png", "av1", "h264"])
def test_lerobot_reads_what_we_write(pictures: str, recording: Dataset, tmp_path: Path, libraries: Path) -> None:
    export_dataset(recording, tmp_path / "out", "lerobot", ConvertOptions(pictures=pictures, crf=20))
    found = lerobot(libraries, "read", tmp_path / "out")
    assert len(found) == 20
    row = 0
    for episode in recording:
        seen = episode.aligned(["ee_pose", "joints", "wrench", "front", "wrist"])
        for t in range(len(episode)):
            frame = found[row]["frame"]
            state = np.concatenate([seen["ee_pose"][t], seen["joints"][t], seen["wrench"][t]])
            np.testing.assert_allclose(frame["observation.state"], state, rtol=1e-6)
            np.testing.assert_allclose(frame["action"], episode.steps["executed"][t], rtol=1e-6)
            assert frame["robot_rl.stamp"] == episode.steps["stamp"][t]
            assert found[row]["task"] == episode.attributes["instruction"]
            for camera in ("front", "wrist"):
                mean = seen[camera][t].mean(axis=(0, 1)) / 255
                close = 1e-6 if pictures == "png" else 0.04
                np.testing.assert_allclose(frame[f"observation.images.{camera}"], mean, atol=close)
            row += 1


@pytest.mark.parametrize("mode", ["image", "video"])
def test_we_read_what_lerobot_writes_and_it_reads_it_again(mode: str, tmp_path: Path, libraries: Path) -> None:
    lerobot(libraries, "write", tmp_path / "theirs", mode)
    import_dataset(tmp_path / "theirs", tmp_path / "ours", "lerobot")
    ours = Dataset.open(tmp_path / "ours")
    assert [len(e) for e in ours] == [12, 13, 14] and ours.spec.rate == 20 and ours.spec.robot == "toy"
    assert [e.attributes["instruction"] for e in ours] == ["task 0", "task 1", "task 0"]
    for e, episode in enumerate(ours):
        seen = episode.aligned(["state", "top"])
        for t in range(len(episode)):
            assert episode.steps["executed"][t].tolist() == [t + 100 * e] * 3
            np.testing.assert_array_equal(seen["state"][t], np.array([e, t, t / 7, -t], np.float32))
            blue = seen["top"][t, ..., 2].astype(float)
            assert abs(blue.mean() - ((t + 3 * e) * 15) % 256) < (0.5 if mode == "image" else 4)
    export_dataset(ours, tmp_path / "again", "lerobot")
    for one, two in zip(
        lerobot(libraries, "read", tmp_path / "theirs"), lerobot(libraries, "read", tmp_path / "again")
    ):
        for name in ("observation.state", "action", "index", "task_index", "timestamp"):
            assert one["frame"][name] == two["frame"][name]
        np.testing.assert_allclose(
            one["frame"]["observation.images.top"], two["frame"]["observation.images.top"], atol=0.004
        )
