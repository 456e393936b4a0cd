"""A small data set to try things on: an arm with a pose, joints and one 16x12 camera."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_rl.datasets import Dataset, EpisodeWriter, Phase, Sample, Source, Step
from robot_rl.hardware.config import CameraConfig
from robot_rl.spec import Field, Layout, Spec

PERIOD = 50_000_000  # [ns], 20 Hz

SPEC = Spec(
    robot="arm",
    rate=20.0,
    observation=Layout((Field("pose", (7,), "pose", unit="m"), Field("joints", (2,), "joint_position", unit="rad"))),
    action=Layout(
        (Field("twist", (2,), unit="m/s", low=(-1, -1), high=(1, 1)), Field("gripper", (1,), low=(0,), high=(1,)))
    ),
    control_mode="cartesian_velocity",
)
CAMERAS = {"wrist": CameraConfig("wrist", "mujoco", width=16, height=12, fps=20.0, depth=True)}


def action(t: int) -> np.ndarray:
    """The action of step t, told apart from every other: (3,)."""
    return np.array([t, t + 0.25, t + 0.5])


def step(t: int, **changes: Any) -> Step:
    """Step t of a demonstration at 20 Hz."""
    none = np.full(3, np.nan)
    values: dict[str, Any] = {"executed": action(t), "proposed": none, "human": action(t)}
    values |= {"stamp": t * PERIOD, "source": Source.HUMAN, "phase": Phase.DEMONSTRATION}
    return Step(**(values | changes))


def picture(t: int) -> np.ndarray:
    """(12, 16, 3) with value t everywhere but for one corner."""
    out = np.full((12, 16, 3), t % 256, np.uint8)
    out[0, 0] = 7, 8, 9
    return out


def fill(writer: EpisodeWriter, steps: int, **changes: Any) -> None:
    """`steps` steps with every stream sampled at each, and the final observation."""
    for t in range(steps + 1):
        writer.add_sample(Sample("pose", t * PERIOD, np.array([t, 0, 0, 0, 0, 0, 1.0])))
        writer.add_sample(Sample("joints", t * PERIOD, np.array([t, -t], float)))
        writer.add_sample(Sample("wrist", t * PERIOD, picture(t)))
        writer.add_sample(Sample("wrist_depth", t * PERIOD, np.full((12, 16), 1000 + t, np.uint16)))
        if t < steps:
            writer.add_step(step(t, **changes))


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """An empty data set, open to append."""
    return Dataset.create(tmp_path / "data", SPEC, CAMERAS)


@pytest.fixture
def record(dataset: Dataset) -> Callable[..., int]:
    """Records one episode: `record(steps, success, **step changes)`."""

    def one(steps: int, success: bool | None = True, **changes: Any) -> int:
        with dataset.new_episode(instruction="lift") as writer:
            fill(writer, steps, **changes)
            return writer.commit(success)

    return one
