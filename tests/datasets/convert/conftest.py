"""A recording with all that is hard to carry over: several rates, late sensors, two cameras, depth, odd attributes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robot_rl.control.safety import Safety
from robot_rl.datasets import Dataset, Episode, Phase, Sample, Source, Step
from robot_rl.hardware.camera import Intrinsics
from robot_rl.hardware.config import CameraConfig
from robot_rl.spec import Field, Layout, Spec

PERIOD = 50_000_000
START = 1_700_000_000_000_000_123
SPEC = Spec(
    robot="arm",
    rate=20.0,
    observation=Layout(
        (
            Field("ee_pose", (7,), "pose", unit="m", frame="base"),
            Field("joints", (2,), "joint_position", unit="rad", dtype="float32", labels=("shoulder", "elbow")),
            Field("wrench", (6,), "wrench", unit="N", rate=100.0),
            Field("counter", (1,), dtype="int64"),
        )
    ),
    action=Layout(
        (Field("twist", (2,), unit="m/s", low=(-1, -1), high=(1, 1)), Field("gripper", (1,), low=(0,), high=(1,)))
    ),
    control_mode="cartesian_velocity",
)
CAMERAS = {
    "front": CameraConfig("front", "mujoco", width=32, height=24, fps=10.0),
    "wrist": CameraConfig("wrist", "mujoco", width=16, height=16, fps=20.0, depth=True),
}


def picture(height: int, width: int, t: int) -> np.ndarray:
    """A gradient that moves with t: kind to a video codec, different in every frame."""
    y, x = np.mgrid[:height, :width]
    return np.stack([(x * 5 + 3 * t) % 200, (y * 7 + t) % 200, np.full_like(x, (11 * t) % 200)], -1).astype(np.uint8)


def fill(dataset: Dataset, steps: int, seed: int, success: bool | None, **attributes: object) -> int:
    """One episode: joints every step, wrench five times as often, the front camera every other step."""
    rng = np.random.default_rng(seed)
    with dataset.new_episode(seed=seed, **attributes) as writer:
        for t in range(steps + 1):
            at = START + t * PERIOD
            writer.add_sample(Sample("ee_pose", at - 1_000_001, np.append(rng.normal(size=3), [0, 0, 0, 1.0])))
            writer.add_sample(Sample("joints", at, rng.normal(size=2).astype(np.float32)))
            writer.add_sample(Sample("counter", at, np.array([2**53 + 1 + t])))
            for k in range(5):
                writer.add_sample(Sample("wrench", at - (4 - k) * 10_000_000, rng.normal(size=6)))
            writer.add_sample(Sample("wrist", at - 7, picture(16, 16, t + seed)))
            writer.add_sample(Sample("wrist_depth", at - 7, rng.integers(0, 4000, (16, 16)).astype(np.uint16)))
            if t % 2 == 1:  # the first frame comes after the first step
                writer.add_sample(Sample("front", at - 20_000_000, picture(24, 32, t + 2 * seed)))
            if t < steps:
                writer.add_step(_step(rng, t, at, last=t == steps - 1, success=bool(success)))
        return writer.commit(success, end=START + steps * PERIOD)


def _step(rng: np.random.Generator, t: int, at: int, *, last: bool, success: bool) -> Step:
    autonomous = t % 3 == 0
    nothing = np.full(3, np.nan)
    return Step(
        stamp=at,
        executed=rng.uniform(-1, 1, 3),
        proposed=rng.normal(size=3) if autonomous else nothing,
        human=nothing if autonomous else rng.normal(size=3),
        source=Source.POLICY if autonomous else Source.HUMAN,
        phase=Phase.AUTONOMOUS if autonomous else Phase.CORRECTION,
        safety=Safety(t % 4),
        reward=t / 3,
        success=last and success,
        terminated=last and success,
        truncated=last and not success,
    )


@pytest.fixture
def recording(tmp_path: Path) -> Dataset:
    """Three episodes of 7, 1 and 12 steps."""
    dataset = Dataset.create(tmp_path / "recording", SPEC, CAMERAS, lab="north wing")
    dataset.set_intrinsics("wrist", Intrinsics(16, 16, 20.0, 21.0, 7.5, 7.5, (0.1, 0.0, 0.0, 0.0, 0.0)))
    fill(dataset, 7, 1, True, instruction="lift the cube", operator="ada", masks=["train"])
    fill(dataset, 1, 2, None, instruction="lift the cube", purpose="evaluation", masks=["valid"])
    fill(dataset, 12, 3, False, instruction="push the button", policy={"name": "flow", "step": 3}, masks=["train"])
    dataset.close()
    return dataset


class Check:
    """Comparisons between what went out and what came back."""

    @staticmethod
    def steps(a: Episode, b: Episode, *, but: tuple[str, ...] = ()) -> None:
        """Every column of the steps is equal to the last bit."""
        for name in a.steps:
            if name not in but:
                np.testing.assert_array_equal(a.steps[name], b.steps[name], err_msg=name)
                assert a.steps[name].dtype == b.steps[name].dtype

    @staticmethod
    def aligned(a: Episode, b: Episode, *, final: bool, but: tuple[str, ...] = ()) -> None:
        """What each step saw is equal, with its acquisition stamp."""
        for name in a.stream_names:
            if name not in but:
                one, two = a.aligned_indices(name, final=final), b.aligned_indices(name, final=final)
                np.testing.assert_array_equal(a.stream(name).take(one), b.stream(name).take(two), err_msg=name)
                np.testing.assert_array_equal(a.stream(name).stamps[one], b.stream(name).stamps[two], err_msg=name)

    @staticmethod
    def attributes(a: Episode, b: Episode) -> None:
        """All attributes but counts, checksums and identity."""
        anew = {"checksums", "digest", "samples", "recorder", "id", "software"}
        assert {k: v for k, v in a.attributes.items() if k not in anew} == {
            k: v for k, v in b.attributes.items() if k not in anew
        }

    @staticmethod
    def description(a: Dataset, b: Dataset) -> None:
        """Spec, cameras with intrinsics, codecs and further attributes."""
        anew = {"identity", "created", "software"}
        assert {k: v for k, v in a.attributes.items() if k not in anew} == {
            k: v for k, v in b.attributes.items() if k not in anew
        }

    @classmethod
    def came_back(cls, a: Dataset, b: Dataset, *, final: bool) -> None:
        """All of the three episodes, as far as the steps saw it."""
        cls.description(a, b)
        assert len(b) == 3
        for one, two in zip(a, b):
            cls.steps(one, two)
            cls.aligned(one, two, final=final)
            cls.attributes(one, two)


@pytest.fixture
def check() -> type[Check]:
    return Check
