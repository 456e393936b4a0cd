"""The work of the data benchmark: 10 episodes x 150 frames, two 128x128 cameras, state 14, action 7."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets import Dataset, EpisodeWriter, Phase, Sample, Source, Step
from robot_rl.hardware.config import CameraConfig
from robot_rl.spec import Field, Layout, Spec

EPISODES, FRAMES, SIZE = 10, 150, 128
RATE = 30.0
PERIOD = int(1e9 / RATE)
CAMERAS = {n: CameraConfig(n, "opencv", width=SIZE, height=SIZE, fps=RATE) for n in ("front", "wrist")}
SPEC = Spec(
    robot="bench",
    rate=RATE,
    observation=Layout((Field("state", (14,)),)),
    action=Layout((Field("joints", (7,)),)),
    control_mode="joint",
)


def pictures(path: Path) -> NDArray[np.uint8]:
    """(10, 150, 2, 128, 128, 3): textured scenes with moving discs and the noise of a sensor; made once, in a file."""
    if not path.exists():
        rng = np.random.default_rng(0)
        y, x = np.mgrid[0:SIZE, 0:SIZE]
        out = np.lib.format.open_memmap(path, "w+", np.uint8, (EPISODES, FRAMES, 2, SIZE, SIZE, 3))
        for e in range(EPISODES):
            for c in range(2):
                scene = np.kron(rng.uniform(40, 200, (16, 16, 3)), np.ones((8, 8, 1)))
                scene = (scene + np.roll(scene, 3, 0) + np.roll(scene, 5, 1)) / 3
                centre, speed = rng.uniform(30, 98, (4, 2)), rng.normal(0, 0.6, (4, 2))
                colour, radius = rng.uniform(0, 255, (4, 3)), rng.uniform(6, 20, 4)
                for t in range(FRAMES):
                    frame = scene.copy()
                    for k in range(4):
                        cy, cx = centre[k] + t * speed[k]
                        frame[(y - cy) ** 2 + (x - cx) ** 2 < radius[k] ** 2] = colour[k]
                    frame += rng.normal(0, 1.5, frame.shape)
                    out[e, t, c] = np.clip(frame, 0, 255).astype(np.uint8)
        out.flush()
    return np.load(path, mmap_mode="r")  # type: ignore[no-any-return]


def numbers() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """State (10, 150, 14) and action (10, 150, 7)."""
    rng = np.random.default_rng(1)
    return rng.normal(size=(EPISODES, FRAMES, 14)), rng.normal(size=(EPISODES, FRAMES, 7))


def create(path: Path, images: str) -> Dataset:
    """An empty data set of this spec."""
    return Dataset.create(path, SPEC, CAMERAS, images=images)


def add_frame(
    writer: EpisodeWriter, t: int, frames: NDArray[np.uint8], state: NDArray[np.float64], action: NDArray[np.float64]
) -> None:
    """One control step: state, two pictures (2, H, W, 3) and the action."""
    stamp = t * PERIOD
    writer.add_sample(Sample("state", stamp, state))
    for name, frame in zip(CAMERAS, frames):
        writer.add_sample(Sample(name, stamp, frame))
    writer.add_step(Step(stamp, action, action, action, Source.HUMAN, Phase.DEMONSTRATION))
