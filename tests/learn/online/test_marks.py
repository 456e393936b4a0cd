"""A person's keys in a real session: what they say reaches rewards and masks, undo rewrites them, and so does what is
said later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from robot_rl.cli import main
from robot_rl.datasets import Dataset, Phase, Source
from robot_rl.hardware import config as hardware_config
from robot_rl.hardware.teleop import Teleop
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.labels import success
from robot_rl.learn.online.person import Keys, attended, watching
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.relabelling import rewrite
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import Workcell
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeRules

TELEOP = {"axes": {"x": "velocity.0", "y": "velocity.1"}}
Sessions = Callable[..., AbstractContextManager[tuple[Session, list[str]]]]


@contextmanager
def opened(
    config: OnlineConfig,
    point: SimpleNamespace,
    folder: Path,
    *script: dict[int, str],
    keys: Keys = "decide",
    latency: float = 0.2,
) -> Iterator[tuple[Session, list[str]]]:
    """The session in `folder` with somebody who presses keys; the task itself says nothing."""
    said: list[str] = []
    rules = EpisodeRules(max_steps=8, success_hold=2 if keys == "hold" else 1)
    person = attended(rules, point.presser(*script), keys, latency)
    cell = Workcell(
        point.robot(),
        Arbiter(point.spec, point.limits),
        person.rules,
        person.operator,
        Teleop(point.spec, TELEOP),
        judge=person.judge,
        undo=person.undo,
    )
    with Dataset.open_or_create(folder / "episodes", point.spec, {}) as dataset:
        yield Session(config, cell, directory=folder, dataset=dataset, say=said.append), said


@pytest.fixture
def session(small_online: OnlineConfig, point: SimpleNamespace) -> Sessions:
    """As `opened`."""
    return partial(opened, small_online, point)


def play(made: Session, episodes: int) -> None:
    for _ in range(episodes):
        made.turn()


def rows(made: Session, episode: int) -> dict[str, NDArray[Any]]:
    """What a learner gets of an episode: rewards and bootstraps of its drawable steps, by step."""
    replay = made.learner.replay
    c, drawable = replay.columns, np.sort(replay.views["all"].rows)
    mine = drawable[c["episode"][drawable] == episode]
    returns = replay.transitions(mine, 0.5, success).returns
    return {"step": c["step"][mine], "reward": returns.reward, "bootstrap": returns.bootstrap}


def test_keys_say_how_episodes_end_for_the_record_and_for_the_learner(session: Sessions, tmp_path: Path) -> None:
    with session(tmp_path, {6: "success"}, {5: "failure"}, {}) as (made, _):
        play(made, 3)
        # pressed at 0.6 s for what was seen at 0.4 s: step 4 was under way, and is the last
        won, lost, out = (rows(made, i) for i in range(3))
        assert won["step"].tolist() == [0, 1, 2, 3, 4]
        assert won["reward"].tolist() == [0, 0, 0, 0, 1] and won["bootstrap"].tolist() == [0.5] * 4 + [0]
        assert len(lost["step"]) == 4 and lost["reward"].sum() == 0 and lost["bootstrap"].tolist() == [0.5] * 3 + [0]
        assert len(out["step"]) == 8 and out["bootstrap"].tolist() == [0.5] * 8, "a time limit is no end"
        assert [e.success for e in made.dataset or ()] == [True, False, False]
        assert (made.tally.successes, made.tally.recent) == (1, [True, False, False])


def test_a_held_key_labels_the_steps_seen_while_it_was_down(session: Sessions, tmp_path: Path) -> None:
    down = dict.fromkeys(range(5, 9), "success")
    with session(tmp_path, down, keys="hold") as (made, _):
        play(made, 1)
        replay = made.learner.replay
        # looks 5 and 6, at 0.5 and 0.6 s, for what was seen in steps 3 and 4; two in a row end the episode
        np.testing.assert_array_equal(replay.columns["success"][:6], [False, False, False, True, True, False])
        np.testing.assert_array_equal(replay.columns["reward"][:6], [0, 0, 0, 1, 1, 0])
        assert rows(made, 0)["bootstrap"].tolist() == [0.5] * 4 + [0]


def test_undo_takes_the_mark_back_in_the_record_and_in_the_replay(session: Sessions, tmp_path: Path) -> None:
    script = ({6: "success"}, {3: "undo", 6: "success"}, {2: "undo", 3: "", 4: "undo"})
    with session(tmp_path, *script) as (made, said):
        play(made, 2)
        first, second = rows(made, 0), rows(made, 1)
        assert first["reward"].sum() == 0 and first["bootstrap"].tolist() == [0.5] * 5, "cut off, and no success"
        assert second["reward"].sum() == 1, "the mark that came after the undo stands"
        assert (made.tally.successes, made.tally.recent) == (1, [False, True])
        assert [e.success for e in made.dataset or ()] == [False, True]
        play(made, 1)
        assert rows(made, 1)["reward"].sum() == 0 and made.tally.successes == 0
        assert said == [
            "undo: the success of episode 0 is taken back; it counts as cut off",
            "undo: the success of episode 1 is taken back; it counts as cut off",
            "undo: there is no mark of this sitting left to take back",
        ]
    with session(tmp_path) as (again, said):
        assert again.tally.to_dict() == made.tally.to_dict() and said == []
        np.testing.assert_array_equal(again.learner.replay.columns["kind"], made.learner.replay.columns["kind"])


def test_a_discarded_episode_is_no_failure_and_undo_does_not_take_it_for_the_newest(
    session: Sessions, tmp_path: Path
) -> None:
    with session(tmp_path, {6: "success"}, {2: "undo", 5: "discard"}) as (made, _):
        play(made, 2)
        assert (made.tally.episodes, made.tally.discarded, made.tally.begun) == (1, 1, 2)
        assert (made.tally.successes, made.tally.recent) == (0, [False])
        play(made, 1)
        assert "online-0-2" in made.learner.replay, "names and start states go on"
    with session(tmp_path) as (again, _):
        assert again.tally.to_dict() == made.tally.to_dict() and again.tally.discarded == 1


def test_nothing_is_learnt_while_all_that_was_done_has_been_discarded(
    session: Sessions, small_online: OnlineConfig, tmp_path: Path
) -> None:
    discards = ({5: "discard"},) * 6
    with session(tmp_path, *discards) as (made, _):
        play(made, 6)
        learnt_from = made.tally.robot_steps - small_online.warmup
        assert made.tally.discarded == 6 and made.updates == learnt_from - 1, "there was nothing at the first of them"


def test_where_two_directions_take_turns_undo_takes_the_newest_mark_of_either(
    session: Sessions, small_online: OnlineConfig, point: SimpleNamespace, tmp_path: Path
) -> None:
    with (
        session(tmp_path / "a", {6: "success"}, {6: "success"}, {2: "undo"}) as (one, said),
        Dataset.open_or_create(tmp_path / "b" / "episodes", point.spec, {}) as dataset,
    ):
        other = Session(small_online, one.cell, directory=tmp_path / "b", dataset=dataset, say=said.append)
        one.turn()
        other.turn()
        one.turn()
        assert (one.tally.recent, other.tally.recent) == ([True, False], [False])
        assert [e.success for e in dataset] == [False] and rows(other, 0)["reward"].sum() == 0


def test_what_is_said_between_two_sittings_is_learnt_from_in_the_next(session: Sessions, tmp_path: Path) -> None:
    relabel = ["reward", "relabel", str(tmp_path / "episodes"), "--yes"]
    with session(tmp_path, {6: "success"}, {}) as (made, _):
        play(made, 2)
    assert main([*relabel, "--episodes", "0", "--timeout"]) == 0
    assert main([*relabel, "--episodes", "1", "--success-step", "3"]) == 0
    with session(tmp_path) as (made, said):
        assert said == ["what was said of 2 episodes has changed since; their rewards are rewritten"]
        assert (made.tally.successes, made.tally.recent) == (1, [False, True])
        assert rows(made, 0)["reward"].sum() == 0
        cut = rows(made, 1)
        assert cut["step"].tolist() == [0, 1, 2, 3] and cut["reward"].tolist() == [0, 0, 0, 1]
        assert cut["bootstrap"].tolist() == [0.5] * 3 + [0]
        made.save()
    assert main([*relabel, "--undo"]) == 0
    with session(tmp_path) as (made, said):
        assert len(said) == 1 and made.tally.successes == 0
        back = rows(made, 1)
        assert back["step"].tolist() == list(range(8)) and back["reward"].sum() == 0, "the steps are back"
    with session(tmp_path) as (made, said):
        assert len(said) == 1, "nothing was saved: it is found again"


def test_a_reset_in_an_episode_and_what_was_retired_stay_as_they_were(point: SimpleNamespace) -> None:
    replay = Replay(30, {"state": ((1,), "float32")}, 2, n_step=1)
    replay.begin("a")
    for t, phase in enumerate((Phase.AUTONOMOUS, Phase.RESET, Phase.AUTONOMOUS, Phase.AUTONOMOUS)):
        replay.add({"state": np.zeros(1)}, point.step(t, phase=phase, source=Source.POLICY, truncated=t == 3), t)
    replay.finish({"state": np.zeros(1)})
    before = replay.columns["kind"][:5].tolist()
    steps = {n: np.array([e.get(n, 0) for e in ({}, {}, {}, {"success": 1})]) for n in ("reward", "success")}
    steps |= {"terminated": np.array([False, False, False, True]), "truncated": np.zeros(4, bool)}
    assert rewrite(replay, "a", steps, True) is False
    after = replay.columns["kind"][:5].tolist()
    assert after[:3] == before[:3] and after[3] == 1 and sorted(replay.views["all"].rows.tolist()) == [0, 2, 3]
    replay.retire()
    assert rewrite(replay, "a", steps, None) is True
    assert len(replay) == 0
    assert rewrite(replay, "b", steps, True) is None, "never had it"


def test_what_a_dropped_episode_left_behind_is_not_rewritten(point: SimpleNamespace) -> None:
    replay = Replay(12, {"state": ((1,), "float32")}, 2, n_step=1)

    def record(name: str, steps: int, *, drop: bool = False) -> None:
        replay.begin(name)
        for t in range(steps):
            replay.add({"state": np.zeros(1)}, point.step(t, reward=0.25, truncated=t == steps - 1), t)
        replay.drop() if drop else replay.finish({"state": np.zeros(1)})

    record("a", 6)
    record("b", 4)
    record("c", 4, drop=True)  # the ring has turned: its last rows stay, with the number that d gets
    record("d", 1)
    steps = {"reward": np.array([9.0]), "success": np.array([True])}
    steps |= {"terminated": np.array([True]), "truncated": np.array([False])}
    assert rewrite(replay, "d", steps, True) is False
    assert np.flatnonzero(replay.columns["outcome"] == 1).tolist() == [0, 1]
    assert np.flatnonzero(replay.columns["reward"] == 9.0).tolist() == [0]


def test_two_judges_or_nobody_to_press_the_keys_are_refused() -> None:
    with pytest.raises(TrainingError, match="keys: hold makes the person the only judge"):
        Recipe(keys="hold", operator="keyboard", classifier="x")
    with pytest.raises(TrainingError, match="keys is 'held'"):
        Recipe.from_dict({"keys": "held"})
    with (
        pytest.raises(TrainingError, match="name an operator"),
        watching(hardware_config.load("sim_pegslot"), None, "decide"),
    ):
        pass
