"""LeRobot's side of benchmarks/data.py, run by a Python that has lerobot installed; commands come as JSON lines.

CPU seconds are those of the process, its threads and its children.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch

_OPERATORS = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):  # where torchvision's C++ part is missing, its Python insists on these two
    with contextlib.suppress(RuntimeError):
        _OPERATORS.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from lerobot.datasets.lerobot_dataset import LeRobotDataset  # noqa: E402

FPS = 30
FEATURES = {
    "observation.state": {"dtype": "float32", "shape": (14,), "names": None},
    "action": {"dtype": "float32", "shape": (7,), "names": None},
}


def cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class Peer:
    def __init__(self, folder: str, pictures: str) -> None:
        self.folder, self.pictures = Path(folder), np.load(pictures, mmap_mode="r")
        self.open: dict[tuple[str, bool], Any] = {}

    def versions(self) -> dict[str, str]:
        return {n: version(n) for n in ("lerobot", "torch", "datasets", "av")}

    def write(self, kind: str, episodes: int) -> dict[str, Any]:
        """Record; kind is png or av1."""
        root = self.folder / f"lerobot_{kind}"
        features = dict(FEATURES)
        for name in ("front", "wrist"):
            dtype = "image" if kind == "png" else "video"
            shape = self.pictures.shape[3:]
            features[f"observation.images.{name}"] = {
                "dtype": dtype,
                "shape": shape,
                "names": ["height", "width", "channels"],
            }
        rng = np.random.default_rng(1)
        state = rng.normal(size=(*self.pictures.shape[:2], 14)).astype(np.float32)
        action = rng.normal(size=(*self.pictures.shape[:2], 7)).astype(np.float32)
        adds, saves = [], []
        start = cpu()
        data = LeRobotDataset.create(f"bench/{kind}", FPS, features, root=root, use_videos=kind != "png")
        for e in range(episodes):
            for t in range(self.pictures.shape[1]):
                before = time.perf_counter()
                frame = {"observation.state": state[e, t], "action": action[e, t], "task": "bench"}
                frame |= {f"observation.images.{n}": self.pictures[e, t, c] for c, n in enumerate(("front", "wrist"))}
                data.add_frame(frame)
                adds.append(time.perf_counter() - before)
            before = time.perf_counter()
            data.save_episode()
            saves.append(time.perf_counter() - before)
        data.finalize()
        used = cpu() - start
        size = sum(p.stat().st_size for p in root.rglob("*") if p.is_file())
        return {"cpu": used, "adds": adds, "saves": saves, "bytes": size}

    def read(self, kind: str, windows: bool, count: int, seed: int) -> float:
        """Samples per CPU-second over `count` random ones."""
        data = self._dataset(kind, windows)
        indices = np.random.default_rng(seed).integers(len(data), size=count).tolist()
        start = cpu()
        for i in indices:
            data[i]
        return count / (cpu() - start)

    def mse(self, kind: str, count: int) -> float:
        """Mean squared error of decoded pictures in 8-bit units, over `count` frames."""
        data = self._dataset(kind, False)
        rng, errors = np.random.default_rng(0), []
        for i in rng.integers(len(data), size=count).tolist():
            item = data[i]
            e, t = int(item["episode_index"]), int(item["frame_index"])
            for c, name in enumerate(("front", "wrist")):
                got = item[f"observation.images.{name}"].permute(1, 2, 0).numpy() * 255
                errors.append(float(np.mean((got - self.pictures[e, t, c].astype(np.float32)) ** 2)))
        return float(np.mean(errors))

    def _dataset(self, kind: str, windows: bool) -> Any:
        if (kind, windows) not in self.open:
            deltas = None
            if windows:
                images = ("observation.state", "observation.images.front", "observation.images.wrist")
                deltas = {n: [-1 / FPS, 0.0] for n in images} | {"action": [k / FPS for k in range(16)]}
            root = self.folder / f"lerobot_{kind}"
            self.open[kind, windows] = LeRobotDataset(f"bench/{kind}", root=root, delta_timestamps=deltas)
        return self.open[kind, windows]


def main() -> None:
    torch.set_num_threads(1)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print does not get among the answers
    peer = Peer(*sys.argv[1:])
    for line in sys.stdin:
        command = json.loads(line)
        result = getattr(peer, command.pop("do"))(**command)
        answers.write(json.dumps(result) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
