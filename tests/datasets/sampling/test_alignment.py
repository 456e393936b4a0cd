"""Streams of different rates on the stamps of the steps: the newest before, or between two, rotations on the sphere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.control import poses
from robot_rl.datasets import Dataset, Phase, Sample, Source, Step
from robot_rl.datasets.sampling.alignment import interpolated, latest_before
from robot_rl.spec import Field, Layout, Spec, SpecError

PERIOD = 50_000_000


def test_the_latest_is_at_or_before_and_never_after() -> None:
    assert latest_before(np.array([0, 10, 10, 30]), np.array([-1, 0, 9, 10, 29, 99])).tolist() == [-1, 0, 0, 2, 2, 3]


def test_between_two_samples_a_number_lies_on_the_line_and_outside_it_is_held() -> None:
    values, stamps = np.array([[0.0], [1.0], [5.0]]), np.array([0, 10, 20])
    out = interpolated(values, stamps, np.array([-5, 0, 5, 10, 15, 25]))
    assert out.ravel().tolist() == [0.0, 0.0, 0.5, 1.0, 3.0, 5.0]


def test_rotations_take_the_shorter_way_whatever_the_sign_of_their_quaternions() -> None:
    half = np.array([0, 0, np.sin(np.pi / 8), np.cos(np.pi / 8)])  # 45 degrees about z
    values = np.array([[0, 0, 0, 0, 0, 0, 1.0], [1, 0, 0, *-poses.multiply(half, half)]])
    (out,) = interpolated(values, np.array([0, 10]), np.array([5]), pose=True)
    assert out[:3].tolist() == [0.5, 0, 0]
    np.testing.assert_allclose(np.abs(out[3:]), np.abs(half), atol=1e-12)
    assert np.linalg.norm(out[3:]) == pytest.approx(1.0)


def test_a_fast_sensor_keeps_its_rate_on_disk_and_its_field_says_how_it_is_read(tmp_path: Path) -> None:
    force = Field("force", (1,), unit="N", rate=1000.0)
    spec = Spec("r", 20.0, Layout((force, replace(force, name="smooth", align="linear"))), Layout((Field("a", (1,)),)))
    with Dataset.create(tmp_path / "d", spec) as dataset:
        writer = dataset.new_episode()
        for i in range(120):  # 1 kHz, half a millisecond off the steps; the value is the time in ms
            stamp = i * 1_000_000 + 500_000
            for name in ("force", "smooth"):
                writer.add_sample(Sample(name, stamp, np.array([stamp * 1e-6])))
        for t in range(1, 3):
            nothing = np.full(1, np.nan)
            writer.add_step(Step(t * PERIOD, np.zeros(1), nothing, nothing, Source.HUMAN, Phase.DEMONSTRATION))
        writer.commit(True)
    with Dataset.open(tmp_path / "d") as again:
        episode = again[0]
        assert again.spec == spec
        assert len(episode.stream("force").stamps) == 120
        seen = episode.aligned(["force", "smooth"])
    assert seen["force"].ravel().tolist() == [49.5, 99.5]
    assert seen["smooth"].ravel() == pytest.approx([50.0, 100.0])


def test_pictures_and_whole_numbers_cannot_be_interpolated() -> None:
    with pytest.raises(SpecError, match="float"):
        Field("count", (1,), dtype="int64", align="linear")
    with pytest.raises(SpecError, match="none of latest, linear"):
        Field("x", (1,), align="cubic")  # type: ignore[arg-type]
