"""Shaping through the replay: by hand, at every kind of end; what it leaves as it was; learnt and kept by a session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from robot_rl.cli import main
from robot_rl.datasets import Dataset
from robot_rl.hardware import config as hardware_config
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.labels import LABELS
from robot_rl.learn.online.monte_carlo import MonteCarlo
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.sampling import Sampling
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.shaping import Shaping, ShapingConfig
from robot_rl.learn.online.workcell import Workcell
from robot_rl.spec import Field, Layout

GAMMA = 0.5
SETUP = hardware_config.load("sim_pickinsert")
LINE = Layout((Field("x", (1,)),))
SMALL = SacConfig(critics=2, hidden=(16,), batch=16, utd=1)
CONFIG = OnlineConfig(
    RlpdConfig(SMALL), shaping=ShapingConfig(min_steps=3), steps=30, warmup=20, evaluation_seeds=(9000,)
)


def along_a_line(weight: float = 1.0) -> Shaping:
    """Phi(x) = weight x for x in 0..1: one sub-goal at 1, begun at 0."""
    shaping = Shaping(ShapingConfig(weight=weight), LINE)
    shaping.restore({"mean": [0.0], "scale": [1.0], "goals": [[1.0]], "lengths": [1.0]})
    return shaping


def recorded(point: SimpleNamespace, xs: list[float], n_step: int = 1, **end: bool) -> Replay:
    """An episode that passes through these x, with reward 1 in its last step."""
    out = Replay(20, {"state": ((1,), "float32"), "chunk_step": ((), "int16")}, 2, n_step)
    out.begin("one")
    for t, x in enumerate(xs[:-1]):
        last = {"reward": 1.0, **end} if t == len(xs) - 2 else {}
        out.add({"state": np.array([x]), "chunk_step": np.array(-1)}, point.step(t, **last), t)
    out.finish({"state": np.array([xs[-1]]), "chunk_step": np.array(-1)})
    return out


@pytest.mark.parametrize(("end", "last"), [("terminated", 1.0 - 0.75), ("truncated", 1.0 + 0.5 * 1.0 - 0.75)])
def test_a_step_is_paid_for_the_progress_it_makes_and_the_potential_is_0_where_the_task_is_over(
    point: SimpleNamespace, end: str, last: float
) -> None:
    replay = recorded(point, [0.25, 0.5, 0.75, 1.0], **{end: True})
    label = Sampling(0.5, "task", along_a_line()).label(GAMMA)
    got = replay.transitions(np.arange(3), GAMMA, label).returns.reward
    np.testing.assert_allclose(got, [0.5 * 0.5 - 0.25, 0.5 * 0.75 - 0.5, last])


def test_over_several_steps_only_the_potentials_at_both_ends_are_left(point: SimpleNamespace) -> None:
    replay = recorded(point, [0.25, 0.9, 0.1, 0.6], n_step=3, truncated=True)
    label = Sampling(0.5, "task", along_a_line(2.0)).label(GAMMA)
    (got,) = replay.transitions(np.array([0]), GAMMA, label).returns.reward
    assert got == pytest.approx(0.25 * 1.0 + 2.0 * (0.125 * 0.6 - 0.25))


@pytest.mark.parametrize("end", ["terminated", "truncated"])
@pytest.mark.parametrize("nothing", [0.0, -1.0])
def test_every_return_is_lower_by_the_potential_of_where_it_begins_and_by_nothing_else(
    point: SimpleNamespace, end: str, nothing: float
) -> None:
    xs, shaping = [0.25, 0.9, 0.1, 0.6, 0.4], along_a_line(3.0)
    replay = recorded(point, xs, **{end: True})
    rows = np.arange(4)
    plain = MonteCarlo(replay, LABELS["task"], GAMMA, nothing).at(rows)
    label = Sampling(0.5, "task", shaping).label(GAMMA)
    dense = MonteCarlo(replay, label, GAMMA, nothing, shaping.of).at(rows)
    np.testing.assert_allclose(dense, plain - 3.0 * np.array(xs[:-1]), atol=1e-6)


def test_the_best_policy_learnt_from_the_replay_is_the_same(point: SimpleNamespace) -> None:
    """Fitted Q iteration on a chain of five states: the left end pays 0.3 and ends, the right end 1; every transition
    is in the replay, as an episode of one step."""
    shaping, replay, where = along_a_line(2.0), Replay(50, {"state": ((1,), "float32")}, 2, 1), []
    for s in (1, 2, 3):
        for action, after in ((0, s - 1), (1, s + 1)):
            over, reward = after in (0, 4), {0: 0.3, 4: 1.0}.get(after, 0.0)
            replay.begin(f"{s}-{action}")
            ends = {"terminated": over, "truncated": not over, "reward": reward}
            replay.add({"state": np.array([s / 4])}, point.step(0, **ends), 0)
            replay.finish({"state": np.array([after / 4])})
            where.append((s, action, after))
    rows = np.sort(replay.views["all"].rows)

    def solve(sampling: Sampling) -> np.ndarray:
        returns, q = replay.transitions(rows, GAMMA, sampling.label(GAMMA)).returns, np.zeros((5, 2))
        for _ in range(60):
            best = q.max(axis=1)
            for (s, action, after), reward, bootstrap in zip(where, returns.reward, returns.bootstrap):
                q[s, action] = reward + bootstrap * best[after]
        return q[1:4]

    plain, dense = solve(Sampling(0.5, "task")), solve(Sampling(0.5, "task", shaping))
    assert plain.argmax(axis=1).tolist() == dense.argmax(axis=1).tolist() == [0, 1, 1]
    np.testing.assert_allclose(dense, plain - 2.0 * np.array([[0.25], [0.5], [0.75]]), atol=1e-9)


def test_progress_rises_along_demonstrations_that_were_not_looked_at(tmp_path: Path) -> None:
    command = "record --robot sim_pickinsert --device scripted --quality expert --in-process --cameras none"
    assert main([*command.split(), "--episodes", "7", "--dataset", str(tmp_path / "d")]) == 0
    *shown, unseen = Dataset.open(tmp_path / "d")
    fields = ("hand", "opening", "peg", "holding")
    layout = Layout(tuple(SETUP.spec.observation[n] for n in fields))
    shaping = Shaping(ShapingConfig(min_steps=5), layout)
    shaping.fit(shown)
    seen = unseen.aligned(fields, final=True)
    states = np.stack([layout.pack({n: v[t] for n, v in seen.items()}) for t in range(len(unseen) + 1)])
    phi = shaping.potential(states)
    assert phi[0] < 0.1 and phi[-1] > 0.8
    assert np.corrcoef(np.arange(len(phi)), phi)[0, 1] > 0.5
    assert shaping.potential(states[-1] + 50.0) == 0.0, "far from everything that was shown there is no progress"


def test_what_was_learnt_of_progress_stays_with_the_session(
    cell: Workcell, make_demonstrations: Callable[..., Dataset], tmp_path: Path
) -> None:
    demonstrations = make_demonstrations(4)
    first = Session(CONFIG, cell, demonstrations, directory=tmp_path / "s")
    first.run()
    again = Session(replace(CONFIG, steps=40), cell, list(demonstrations)[:1], directory=tmp_path / "s")
    assert first.learner.shaping is not None and again.learner.shaping is not None
    assert again.learner.shaping.state() == first.learner.shaping.state() != {}
    again.run()
    assert again.learner.improver.updates > first.learner.improver.updates


def test_the_task_keeps_its_own_rewards_in_the_replay(
    cell: Workcell, make_demonstrations: Callable[..., Dataset]
) -> None:
    replay = Session(CONFIG, cell, make_demonstrations(4)).learner.replay
    assert set(replay.columns["reward"].tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shaping": ShapingConfig(fields=("posittion",))}, "Did you mean 'position'"),
        ({"shaping": ShapingConfig(fields=("goal",))}, "show the task's progress; name other `fields`"),
    ],
)
def test_shaping_that_cannot_be_is_refused(
    cell: Workcell, make_demonstrations: Callable[..., Dataset], changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(TrainingError, match=words):
        Session(replace(CONFIG, **changes), cell, make_demonstrations(3))


def test_shaping_needs_demonstrations_that_succeeded(
    cell: Workcell, make_demonstrations: Callable[..., Dataset]
) -> None:
    with pytest.raises(TrainingError, match="demonstrations that succeeded"):
        Session(CONFIG, cell, make_demonstrations(3, success=False))


def test_a_recipe_says_it_and_wrong_options_are_named() -> None:
    config = OnlineConfig.from_dict({"shaping": {"weight": 2, "fields": ["peg"]}})
    assert config.shaping == ShapingConfig(2, ("peg",)) and OnlineConfig.from_dict(config.to_dict()) == config
    with pytest.raises(TrainingError, match="Did you mean 'weight'"):
        OnlineConfig.from_dict({"shaping": {"wieght": 2}})
    with pytest.raises(TrainingError, match="weight is 0"):
        ShapingConfig(weight=0.0)
    binned = replace(SMALL, bins=11, value_range=(0.0, 1.0))
    with pytest.raises(TrainingError, match=r"returns lie between -1\.00 and 1\.00.*set it to \[-1\.0, 1\.0\]"):
        OnlineConfig(RlpdConfig(binned), shaping=ShapingConfig())
