from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from robot_rl.datasets import Dataset, Phase, Sample, Source
from robot_rl.datasets.report.summary import render, summarise

from ..conftest import CAMERAS, SPEC, fill, step


def test_the_summary_adds_up(dataset: Dataset, record: Callable[..., int]) -> None:
    record(30, True)
    record(10, False, phase=Phase.AUTONOMOUS, source=Source.POLICY)
    record(20, None)
    s = summarise(dataset)
    assert (s.episodes, s.steps, s.succeeded, s.failed, s.unjudged) == (3, 60, 1, 1, 1)
    assert s.minutes == pytest.approx(60 / 20 / 60)
    assert s.phases == {"demonstration": pytest.approx(5 / 6), "autonomous": pytest.approx(1 / 6)}
    assert s.sources == {"policy": pytest.approx(1 / 6), "human": pytest.approx(5 / 6)}
    streams = {f.name: f for f in s.streams}
    assert list(streams) == ["pose", "joints", "wrist", "wrist_depth"]
    assert (streams["wrist"].samples, streams["wrist"].codec) == (63, "zstd:1")
    assert streams["wrist"].measured_rate == pytest.approx(20)
    assert streams["pose"].bytes >= 63 * (7 + 1) * 8
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(render(s))
    text = console.export_text()
    for part in ("1 of 2, 1 nobody judged", "demonstration 83%", "20.0 of 20", "12x16x3", "zstd:1, lossless"):
        assert part in text


def test_what_nobody_judged_is_no_failure(dataset: Dataset) -> None:
    with dataset.new_episode() as writer:
        fill(writer, 10)
        writer.commit(False, judged=False)
    s = summarise(dataset)
    assert (s.succeeded, s.failed, s.unjudged) == (0, 0, 1)
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(render(s))
    assert "nobody judged any" in console.export_text()


def test_an_empty_data_set_has_a_summary(dataset: Dataset) -> None:
    s = summarise(dataset)
    assert (s.episodes, s.steps, s.phases) == (0, 0, {})
    render(s)


def test_the_loss_of_jpeg_is_measured_against_what_the_camera_gave(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (70, 12, 16, 3), np.uint8)
    with Dataset.create(tmp_path / "d", SPEC, CAMERAS, images="jpeg:80") as data:
        for start, end in ((0, 40), (40, 70)):
            with data.new_episode() as writer:
                for t, frame in enumerate(frames[start:end]):
                    writer.add_sample(Sample("wrist", t, frame))
                    writer.add_step(step(t))
                writer.commit(True)
        stored = [data[0].stream("wrist").values[i] for i in (0, 32)] + [data[1].stream("wrist").values[0]]
        wrist = next(f for f in summarise(data).streams if f.name == "wrist")
        squares = [(a.astype(float) - b) ** 2 for a, b in zip(frames[[0, 32, 40]], stored)]
        assert wrist.psnr == pytest.approx(10 * np.log10(255**2 / np.mean(squares)), abs=1e-3)
        assert wrist.raw_bytes == 70 * 12 * 16 * 3
        assert next(f for f in summarise(data).streams if f.name == "wrist_depth").psnr == float("inf")


def test_the_cache_is_not_counted_as_data(dataset: Dataset, record: Callable[..., int]) -> None:
    record(5)
    before = summarise(dataset).bytes
    cache = dataset.path / ".robot_rl" / "cache"
    cache.mkdir()
    (cache / "x.frames").write_bytes(bytes(12345))
    assert summarise(dataset).bytes == before
