"""Whose word it is how an episode ended is recorded: a classifier neither overrules a person nor checks itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from robot_rl.datasets import Dataset, Phase, Sample, Source, Step
from robot_rl.datasets.edit.apply import apply
from robot_rl.datasets.edit.relabel import Relabel
from robot_rl.datasets.verdicts import recorded as verdict_of
from robot_rl.hardware import config as hardware_config
from robot_rl.hardware.human import AXES, DeviceInput
from robot_rl.hardware.robot import Outcome, Reading
from robot_rl.hardware.teleop import Teleop
from robot_rl.learn.online.workcell import Workcell
from robot_rl.learn.rewards import mine
from robot_rl.learn.rewards.mine import judge_dataset
from robot_rl.learn.rewards.relabel import Label, RewardRelabel, unlabelled_by_people
from robot_rl.learn.rewards.words import word_of
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeRules
from robot_rl.runtime.keys import KeyJudge
from robot_rl.runtime.recorder import Recorder

PERIOD = 100_000_000


class Presser:
    """Somebody who watches, and presses a key at the third look."""

    def __init__(self, key: str | None) -> None:
        self._key, self._looks = key, 0

    def reset(self, seed: int | None = None) -> None:
        self._looks = 0

    def input(self, reading: Reading, *, policy_active: bool) -> DeviceInput:
        self._looks += 1
        pressed = frozenset({self._key} if self._key and self._looks == 3 else ())
        return DeviceInput(max(reading.stamps.values()), np.zeros(len(AXES)), pressed)


class Judge:
    """A reward classifier that is sure of everything, or of nothing."""

    def __init__(self, *, success: bool) -> None:
        self._success = success

    def reset(self) -> None:
        """Nothing to forget."""

    def __call__(self) -> Outcome:
        return Outcome(float(self._success), self._success)


@pytest.mark.parametrize(
    ("judge", "key", "noted", "word"),
    [
        (None, None, {}, "task"),
        (None, "success", {"marked": True}, "person"),
        (None, "failure", {"marked": True}, "person"),
        (Judge(success=True), None, {"judge": "classifier"}, "classifier"),
        (Judge(success=False), None, {"judge": "classifier"}, "classifier"),
        (Judge(success=False), "success", {"judge": "classifier", "marked": True}, "person"),
        (KeyJudge(), None, {"judge": "keys"}, "person"),
        (KeyJudge(), "success", {"judge": "keys", "marked": True}, "person"),
    ],
)
def test_a_session_notes_who_judged_and_that_a_person_marked(
    tmp_path: Path, judge: Any, key: str | None, noted: dict[str, Any], word: str
) -> None:
    setup = hardware_config.load("sim_pegslot")
    robot = hardware_config.make(setup)
    still = SimpleNamespace(reset=lambda seed: None, act=lambda values: None, observe=lambda values: None)
    cell = Workcell(
        robot,
        Arbiter.from_config(setup),
        EpisodeRules(max_steps=5),
        Presser(key),
        Teleop(setup.spec, setup.teleop),
        judge=judge,
    )
    with Dataset.create(tmp_path / "episodes", setup.spec) as dataset:
        cell.run(still, 0, "deployment", Recorder(dataset))
        attributes = dataset[0].attributes
        assert {n: attributes[n] for n in ("judge", "marked") if n in attributes} == noted
        assert word_of(dataset[0]) == word
        assert unlabelled_by_people(dataset) == (() if word == "person" else (0,))
    robot.close()


@pytest.mark.parametrize(
    ("judge", "marked", "noted"),
    [
        ("robot", False, {}),
        ("robot", True, {"marked": True}),
        ("classifier", False, {"judge": "classifier"}),
        ("keys", True, {"judge": "keys", "marked": True}),
    ],
)
def test_the_recorder_behind_ros_notes_it_too(judge: str, marked: bool, noted: dict[str, Any]) -> None:
    pytest.importorskip("rclpy", reason="needs robot_rl[ros]")
    from robot_rl.ros.recorder_node import RecorderNode

    kept: dict[str, Any] = {}
    node = SimpleNamespace(
        _episode={"episode": "first", "judge": judge},
        _end={"result": "success", "stamp": 0, "steps": 3, "marked": marked},
        _recorder=SimpleNamespace(steps=3, end=lambda success, **attributes: kept.update(attributes)),
        _streams=SimpleNamespace(missed=set()),
        _settle=lambda number, marked: None,
        _human_steps=0,
        publish_event=lambda *topic, **event: None,
        spec=SimpleNamespace(period_ns=PERIOD),
    )
    RecorderNode._save(node)  # type: ignore[arg-type]
    assert kept == {"end": PERIOD} | noted


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[..., Dataset]:
    """A data set with a deployment of each of these attributes, each a success in its last step."""
    setup = hardware_config.load("sim_pegslot")
    size, none = setup.spec.action.size, np.full(setup.spec.action.size, np.nan)

    def make(*attributes: dict[str, Any]) -> Dataset:
        dataset = Dataset.create(tmp_path / "recorded", setup.spec)
        for given in attributes:
            with dataset.new_episode(purpose="deployment") as writer:
                for t in range(4):
                    for f in setup.spec.observation.vectors:
                        writer.add_sample(Sample(f.name, t * PERIOD, np.zeros(f.shape)))
                    if t < 3:
                        step = Step(t * PERIOD, np.zeros(size), none, none, Source.POLICY, Phase.AUTONOMOUS)
                        writer.add_step(step if t < 2 else Step(**vars(step) | {"reward": 1.0, "success": True}))
                writer.commit(True, **given)
        return dataset

    return make


CLASSIFIED, MARKED = {"judge": "classifier"}, {"marked": True}


def test_what_a_person_marked_is_left_to_them_and_what_was_said_last_counts(
    recorded: Callable[..., Dataset],
) -> None:
    with recorded({}, MARKED, CLASSIFIED, CLASSIFIED | MARKED, {"judge": "keys"}) as dataset:
        assert [word_of(e) for e in dataset] == ["task", "person", "classifier", "person", "person"]
        assert unlabelled_by_people(dataset) == (0, 2)
        apply(dataset, RewardRelabel({0: Label("timeout", 2)}, "human"))
        apply(dataset, RewardRelabel({1: Label("success", 2), 4: Label("success", 2)}, "classifier abc"))
        apply(dataset, Relabel((2,), success="true"))
        assert [word_of(e) for e in dataset] == ["person", "classifier", "person", "person", "classifier"]
        apply(dataset, Relabel((1,), success="true"))
        assert word_of(dataset.episode(1)) == "person" and unlabelled_by_people(dataset) == (4,)
        apply(dataset, Relabel((3,), success="none"))
        assert word_of(dataset.episode(3)) == "nobody" and unlabelled_by_people(dataset) == (3, 4)


def test_an_episode_of_a_real_robot_that_was_just_cut_off_is_nobody_s_word(
    recorded: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mine, "judge_episode", lambda trained, e: SimpleNamespace(number=e.number, truth=[True]))
    with recorded({"judged": False}, {"judged": False, "marked": True}) as dataset:
        assert [word_of(e) for e in dataset] == ["nobody", "person"]
        judged = judge_dataset(SimpleNamespace(), dataset)  # type: ignore[arg-type]
        assert [j.number for j in judged] == [1] and unlabelled_by_people(dataset) == (0,)


def test_a_label_given_by_hand_after_a_mark_was_taken_back_counts(recorded: Callable[..., Dataset]) -> None:
    with recorded({"judged": False, "marked": True}) as dataset:
        apply(dataset, RewardRelabel({0: Label("timeout", 2)}, "human"))
        episode = dataset.episode(0)
        assert verdict_of(episode.success, episode.attributes) == "unjudged"
        apply(dataset, Relabel((0,), success="false"))
        episode = dataset.episode(0)
        assert verdict_of(episode.success, episode.attributes) == "failure" and word_of(episode) == "person"


def test_a_classifier_is_not_checked_against_what_a_classifier_said_while_the_episode_ran(
    recorded: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mine, "judge_episode", lambda trained, e: SimpleNamespace(number=e.number, truth=[True]))
    unjudged = {"judged": False}
    with recorded({}, CLASSIFIED, CLASSIFIED | MARKED, MARKED | unjudged) as dataset:
        judged = judge_dataset(SimpleNamespace(), dataset)  # type: ignore[arg-type]
        assert [j.number for j in judged] == [0, 2, 3]
