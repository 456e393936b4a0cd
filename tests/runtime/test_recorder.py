from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robot_rl.datasets import Dataset, DatasetError, Phase, Source, Step
from robot_rl.hardware.robot import Reading
from robot_rl.runtime.recorder import Recorder
from robot_rl.spec import Field, Layout, Spec

SPEC = Spec("cart", 10.0, Layout((Field("x", (1,)), Field("load", (1,)))), Layout((Field("v", (1,)),)))


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(Dataset.create(tmp_path / "d", SPEC))


def step(stamp: int) -> Step:
    one = np.ones(1)
    return Step(stamp, one, one, one, Source.HUMAN, Phase.DEMONSTRATION)


def test_episodes_follow_one_another(recorder: Recorder) -> None:
    for length in (2, 3):
        recorder.begin(instruction="push")
        for t in range(length):
            recorder.reading(Reading({"x": np.array([t]), "load": np.array([0])}, {"x": t, "load": t}))
            recorder.step(step(t))
        assert recorder.steps == length
        recorder.end(True, end=length)
    assert [len(e) for e in recorder.dataset] == [2, 3]
    assert [e.attributes["instruction"] for e in recorder.dataset] == ["push", "push"]
    assert not recorder.recording


def test_the_newest_value_from_before_the_episode_is_its_first(recorder: Recorder) -> None:
    recorder.sample("load", 1, [5.0])
    recorder.sample("load", 2, [6.0])
    recorder.sample("x", 2, [0.0])
    recorder.begin()
    recorder.step(step(10))
    recorder.sample("x", 11, [1.0])
    recorder.end(None)
    episode = recorder.dataset[0]
    assert (episode.stream("load").stamps.tolist(), episode.stream("load").values.tolist()) == ([2], [[6.0]])
    assert episode.stream("x").stamps.tolist() == [2, 11]


def test_a_value_from_before_a_clock_set_back_is_left_out(recorder: Recorder) -> None:
    recorder.sample("x", 900, [3.0])
    recorder.sample("load", 900, [3.0])
    recorder.begin()
    recorder.sample("x", 0, [0.0])
    recorder.step(step(0))
    recorder.end(None)
    assert recorder.dataset[0].stream("x").stamps.tolist() == [0]
    assert recorder.dataset[0].stream("load").stamps.tolist() == []


def test_a_measurement_given_twice_is_stored_once_and_counted(recorder: Recorder) -> None:
    recorder.begin()
    for stamp in (0, 0, 1, 1, 1):
        recorder.sample("x", stamp, [stamp])
    recorder.step(step(1))
    recorder.end(True)
    assert recorder.dataset[0].stream("x").stamps.tolist() == [0, 1]
    assert recorder.dataset[0].attributes["repeats"] == {"x": 3}


def test_what_is_discarded_leaves_nothing(recorder: Recorder) -> None:
    recorder.begin()
    recorder.step(step(0))
    recorder.discard()
    assert len(recorder.dataset) == 0 and recorder.dataset.unfinished() == []
    recorder.begin()
    recorder.step(step(0))
    assert recorder.end(True) == 0


def test_what_is_left_is_unfinished_and_the_next_episode_can_begin(recorder: Recorder) -> None:
    recorder.leave()
    recorder.begin()
    recorder.step(step(0))
    recorder.leave()
    assert not recorder.recording
    recorder.begin()
    recorder.step(step(0))
    assert recorder.end(True) == 0
    assert len(Dataset.open(recorder.dataset.path).unfinished()) == 1


def test_calls_out_of_order_are_refused(recorder: Recorder) -> None:
    with pytest.raises(DatasetError, match="begin one first"):
        recorder.step(step(0))
    recorder.begin()
    with pytest.raises(DatasetError, match="already"):
        recorder.begin()
    with pytest.raises(DatasetError, match="without a single step"):
        recorder.end(True)
    recorder.begin()
    recorder.discard()
