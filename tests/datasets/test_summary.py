from __future__ import annotations

from collections.abc import Callable

import pytest
from rich.console import Console

from robot_rl.datasets import Dataset, Phase, Source
from robot_rl.datasets.summary import render, summarise


def test_the_summary_adds_up(dataset: Dataset, record: Callable[..., int]) -> None:
    record(30, True)
    record(10, False, phase=Phase.AUTONOMOUS, source=Source.POLICY)
    record(20, None)
    s = summarise(dataset)
    assert (s.episodes, s.steps, s.succeeded, s.failed, s.unlabelled) == (3, 60, 1, 1, 1)
    assert s.minutes == pytest.approx(60 / 20 / 60)
    assert s.phases == {"demonstration": pytest.approx(5 / 6), "autonomous": pytest.approx(1 / 6)}
    assert s.sources == {"policy": pytest.approx(1 / 6), "human": pytest.approx(5 / 6)}
    streams = {f.name: f for f in s.streams}
    assert list(streams) == ["pose", "joints", "wrist", "wrist_depth"]
    assert (streams["wrist"].samples, streams["wrist"].codec) == (63, "zstd:1")
    assert streams["wrist"].measured_rate == pytest.approx(20)
    assert streams["pose"].bytes >= 63 * (7 + 1) * 8
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(render(s))
    text = console.export_text()
    for part in ("1 of 2, 1 unlabelled", "demonstration 83%", "20.0 of 20", "12x16x3"):
        assert part in text


def test_an_empty_data_set_has_a_summary(dataset: Dataset) -> None:
    s = summarise(dataset)
    assert (s.episodes, s.steps, s.phases) == (0, 0, {})
    render(s)
