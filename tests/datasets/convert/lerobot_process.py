"""Run by a Python that has lerobot 0.4.4: reads a data set, or writes one, with LeRobot's own code.

python lerobot_process.py read FOLDER      prints what the reader gives of every frame, as JSON lines
python lerobot_process.py write FOLDER MODE   makes a data set of 3 episodes; MODE is `image` or `video`
"""

from __future__ import annotations

import contextlib
import json
import sys

import numpy as np
import torch

_OPERATORS = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):  # a torchvision without its C++ part insists on these two
    with contextlib.suppress(RuntimeError):  # it has them
        _OPERATORS.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from lerobot.datasets.lerobot_dataset import LeRobotDataset  # noqa: E402


def picture(t: int) -> np.ndarray:
    """(64, 96, 3), a gradient that brightens with t."""
    out = np.zeros((64, 96, 3), np.uint8)
    out[..., 0], out[..., 1] = np.arange(96) * 2, (np.arange(64) * 3)[:, None]
    out[..., 2] = (t * 15) % 256
    return out


def read(folder: str) -> None:
    dataset = LeRobotDataset("test/data", root=folder)
    for i in range(len(dataset)):
        item = dataset[i]
        numbers = {k: v.tolist() for k, v in item.items() if hasattr(v, "tolist") and v.ndim < 2}
        means = {k: v.mean(dim=(1, 2)).tolist() for k, v in item.items() if hasattr(v, "ndim") and v.ndim == 3}
        print(json.dumps({"frame": numbers | means, "task": item["task"]}, allow_nan=True))


def write(folder: str, mode: str) -> None:
    features = {
        "observation.state": {"dtype": "float32", "shape": (4,), "names": ["a", "b", "c", "d"]},
        "action": {"dtype": "float32", "shape": (3,), "names": ["x", "y", "z"]},
        "observation.images.top": {
            "dtype": mode,
            "shape": (64, 96, 3),
            "names": ["height", "width", "channels"],
        },
    }
    dataset = LeRobotDataset.create(
        "test/data", fps=20, features=features, root=folder, use_videos=mode == "video", robot_type="toy"
    )
    for e in range(3):
        for t in range(12 + e):
            frame = {
                "observation.state": np.array([e, t, t / 7, -t], np.float32),
                "action": np.full(3, t + 100 * e, np.float32),
                "observation.images.top": picture(t + 3 * e),
            }
            dataset.add_frame(frame | {"task": f"task {e % 2}"})
        dataset.save_episode()
    dataset.finalize()


if __name__ == "__main__":
    {"read": read, "write": write}[sys.argv[1]](*sys.argv[2:])
