"""A data set whose action is a known function of the step, which the observation tells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from robot_rl.datasets import Dataset, Phase, Sample, Source, Step
from robot_rl.hardware.config import CameraConfig
from robot_rl.learn.config import TrainConfig
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.flow import FlowConfig
from robot_rl.spec import Field, Layout, Spec

SPEC = Spec(
    robot="toy",
    rate=20.0,
    observation=Layout((Field("clock", (1,)), Field("distraction", (2,)))),
    action=Layout((Field("velocity", (1,), low=(-1,), high=(1,)),)),
)
LENGTH = 40


def action(t: float) -> float:
    """The action of step t."""
    return float(np.sin(0.3 * t))


@pytest.fixture
def known_action() -> Callable[[float], float]:
    return action


def record_toy(dataset: Dataset, episodes: int, *, bad: tuple[str, int] | None = None, **changes: object) -> None:
    """Record episodes; `bad` = (stream, step) puts a NaN there in the last one."""
    rng = np.random.default_rng(len(dataset))
    for e in range(episodes):
        with dataset.new_episode(seed=e) as writer:
            for t in range(LENGTH):
                values = {"clock": np.array([float(t)]), "distraction": rng.normal(size=2)}
                if bad is not None and e == episodes - 1 and t == bad[1]:
                    values[bad[0]][0] = np.nan
                for name, value in values.items():
                    writer.add_sample(Sample(name, t * SPEC.period_ns, value))
                columns = {
                    "stamp": t * SPEC.period_ns,
                    "executed": np.array([action(t)]),
                    "proposed": np.full(1, np.nan),
                    "human": np.full(1, np.nan),
                    "source": Source.HUMAN,
                    "phase": Phase.DEMONSTRATION,
                }
                writer.add_step(Step(**(columns | changes)))  # type: ignore[arg-type]
            writer.commit(True)


@pytest.fixture
def make_dataset(tmp_path: Path) -> Callable[..., Path]:
    """`make_dataset(episodes, name="toy", bad=None)` gives the path of a new data set."""

    def make(episodes: int, name: str = "toy", **options: object) -> Path:
        path = tmp_path / name
        with Dataset.create(path, SPEC) as dataset:
            record_toy(dataset, episodes, **options)  # type: ignore[arg-type]
        return path

    return make


@pytest.fixture
def picture_dataset(tmp_path: Path) -> Path:
    """One episode of 20 steps whose only news is a 16x16 camera called `front`."""
    path = tmp_path / "pictures"
    camera = CameraConfig("front", "mujoco", width=16, height=16, fps=20.0)
    with Dataset.create(path, SPEC, {"front": camera}) as dataset, dataset.new_episode() as writer:
        for t in range(20):
            stamp = t * SPEC.period_ns
            writer.add_sample(Sample("front", stamp, np.full((16, 16, 3), 12 * t, np.uint8)))
            writer.add_sample(Sample("clock", stamp, np.array([float(t)])))
            writer.add_sample(Sample("distraction", stamp, np.zeros(2)))
            nothing = np.full(1, np.nan)
            writer.add_step(Step(stamp, np.array([action(t)]), nothing, nothing, Source.HUMAN, Phase.DEMONSTRATION))
        writer.commit(True)
    return path


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., TrainConfig]:
    """`small(path, **changes)`: a run of a few seconds on that data."""

    def make(dataset: Path, **changes: object) -> TrainConfig:
        policy = PolicyConfig(
            horizon=6, n_action_steps=3, encoder=EncoderConfig(width=32), head=FlowConfig(width=64, condition=32)
        )
        options = {"policy": policy, "output": tmp_path / "run", "steps": 60, "batch": 32, "warmup": 10}
        options |= {"log_every": 10, "save_every": 20}
        return TrainConfig(dataset=(dataset,), **(options | changes))  # type: ignore[arg-type]

    return make
