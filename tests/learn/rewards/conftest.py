"""A recorded data set of the Cover task: pushes that go well and pushes that do not, with one camera."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_rl.datasets import Dataset, Phase, Sample, Source, Step
from robot_rl.hardware.config import CameraConfig
from robot_rl.sim.planar import cover
from robot_rl.spec import Field, Layout, Spec

PERIOD = 100_000_000  # [ns], 10 Hz
SPEC = Spec(
    robot="cover",
    rate=10.0,
    observation=Layout((Field("hand", (2,)),)),
    action=Layout((Field("velocity", (2,), low=(-1, -1), high=(1, 1)),)),
    control_mode="planar_velocity",
)


def record(
    dataset: Dataset,
    rollout: cover.Rollout,
    purpose: str = "demonstration",
    marked_late: int = 0,
    succeeded: bool | None = None,
    final: bool = True,
    **attributes: Any,
) -> None:
    """Each scene of a rollout as an episode that ends with its first success, held for six steps.

    Args:
        marked_late: steps for which success can be seen before it is marked.
        succeeded: what each episode is said to be; by default whether its last step is a success.
        final: false: it ends with its first success, and what was seen after its last step is lacking, as in data of
            LeRobot.
        attributes: what else is noted of each episode.
    """
    none = np.full(2, np.nan)
    late = np.pad(rollout.success, ((0, 0), (marked_late, 0)))[:, : rollout.success.shape[1]]
    for pictures, success in zip(rollout.pictures, late):
        length = min(int(success.argmax()) + (6 if final else 1), len(success)) if success.any() else len(success)
        with dataset.new_episode(purpose=purpose, **attributes) as writer:
            writer.add_sample(Sample("top", 0, pictures[0]))
            for t in range(length):
                writer.add_sample(Sample("hand", t * PERIOD, np.zeros(2)))
                if final or t < length - 1:
                    writer.add_sample(Sample("top", (t + 1) * PERIOD, pictures[t]))
                writer.add_step(
                    Step(
                        stamp=t * PERIOD,
                        executed=np.zeros(2),
                        proposed=none,
                        human=none,
                        source=Source.HUMAN,
                        phase=Phase.DEMONSTRATION,
                        reward=float(success[t]),
                        success=bool(success[t]),
                        terminated=bool(success[t] and t == length - 1),
                        truncated=bool(not success[t] and t == length - 1),
                    )
                )
            writer.commit(bool(success[length - 1]) if succeeded is None else succeeded)


@pytest.fixture
def pushes(tmp_path: Path) -> Callable[..., Path]:
    """Makes a data set of so many demonstrations; returns where it lies."""

    def make(count: int, name: str = "pushes", **how: Any) -> Path:
        rng = np.random.default_rng(0)
        camera = CameraConfig("top", "mujoco", width=32, height=32, fps=10.0)
        path = tmp_path / name
        with Dataset.create(path, SPEC, {"top": camera}, images="zstd") as dataset:
            record(dataset, cover.roll_out(range(count), cover.demonstrations(count, rng), rng), **how)
        return path

    return make
