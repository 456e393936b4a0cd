"""Imitation on deployment data: the rules agree with those of data sets, window by window; what is learnt travels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from robot_rl.control.safety import Safety
from robot_rl.datasets import Dataset, Phase, Sample, Source, Step
from robot_rl.datasets.sampling.weights import WEIGHTS
from robot_rl.datasets.sampling.windows import Windows
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers.imitation import Imitation, ImitationConfig
from robot_rl.learn.online.learner import Learner
from robot_rl.learn.online.selected import SelectedWindows, held_episodes
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import Workcell
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.flow import FlowConfig

SEEDS = tuple(range(9000, 9020))
H, R, C = Phase.DEMONSTRATION, Phase.RECOVERY, Phase.CORRECTION
A, X = Phase.AUTONOMOUS, Phase.RESET
EPISODES: list[tuple[list[Phase], bool | None]] = [
    ([H] * 5, True),
    ([H] * 4, False),
    ([H] * 4, None),
    ([A] * 6, True),
    ([A] * 6, False),
    ([A] * 20 + [R] * 3 + [C] * 4 + [A] * 5, True),
    ([A] * 3 + [C] * 2, False),
    ([A] * 2 + [X] * 2 + [A] * 3, True),
]
"""What happened in each episode, and how it ended."""


@pytest.fixture
def base(point: SimpleNamespace) -> ChunkPolicy:
    """Untrained, with a memory of two observations."""
    config = PolicyConfig(
        n_obs=2,
        horizon=4,
        n_action_steps=2,
        encoder=EncoderConfig(width=32),
        head=FlowConfig(width=64, depth=2, sampling_steps=3),
    )
    torch.manual_seed(0)
    return ChunkPolicy(point.spec, point.spec.observation, config).eval()


@pytest.fixture
def record(point: SimpleNamespace, tmp_path: Path) -> Dataset:
    """EPISODES as a data set; every observation and action is another one."""
    rng = np.random.default_rng(0)
    with Dataset.create(tmp_path / "record", point.spec) as dataset:
        for phases, success in EPISODES:
            with dataset.new_episode(purpose="demonstration" if phases[0] == H else "deployment") as writer:
                for t in range(len(phases) + 1):
                    for name in ("position", "goal"):
                        writer.add_sample(Sample(name, t * point.spec.period_ns, rng.normal(size=2)))
                    if t < len(phases):
                        writer.add_step(_step(point, phases, t, success, rng))
                writer.commit(success, end=len(phases) * point.spec.period_ns)
    return Dataset.open(tmp_path / "record")


def _step(point: SimpleNamespace, phases: list[Phase], t: int, success: bool | None, rng: np.random.Generator) -> Step:
    last = t == len(phases) - 1
    source = {H: Source.HUMAN, C: Source.HUMAN, R: Source.REWIND, A: Source.POLICY, X: Source.NONE}[phases[t]]
    made: Step = point.step(
        t,
        executed=rng.uniform(-1, 1, 2),
        source=source,
        phase=phases[t],
        success=bool(success) and last,
        terminated=bool(success) and last,
        truncated=not success and last,
    )
    return made


def learner_of(base: ChunkPolicy, record: Dataset, capacity: int = 500, **options: Any) -> Learner:
    config = OnlineConfig(ImitationConfig(**options), capacity=capacity)
    learner = Learner(config, base.spec, base)
    learner.add(record)
    return learner


@pytest.mark.parametrize("weights", ["uniform", "sirius", "rac"])
@pytest.mark.parametrize("select", ["all", "successful", "human", "rac"])
def test_replay_and_data_set_give_the_same_windows_with_the_same_weights(
    select: str, weights: str, base: ChunkPolicy, record: Dataset
) -> None:
    learner = learner_of(base, record, select=select, weights=weights)
    mine = SelectedWindows(learner.replay, select, weights, base.horizon)
    theirs = Windows(record, base.observation_names, base.n_obs, base.horizon, select)
    assert len(mine) == len(theirs) > 0
    np.testing.assert_allclose(mine.weights, WEIGHTS[weights](theirs))
    every = np.arange(len(theirs))
    ours, expected = mine.batch(learner.replay, every, base.observation_names), theirs.batch(every)
    np.testing.assert_array_equal(ours["action_mask"], expected["action_mask"])
    for name in ("position", "goal", "action"):
        np.testing.assert_allclose(ours[name], expected[name], rtol=1e-6)


def test_rac_by_hand(base: ChunkPolicy, record: Dataset) -> None:
    """Demonstrations but the failed one, the untouched success, recovery and correction, nothing else."""
    learner = learner_of(base, record)
    mine = SelectedWindows(learner.replay, "rac", "uniform", base.horizon)
    assert len(mine) == 5 + 4 + 6 + (3 + 4) + 2 + (2 + 3)


def test_sirius_leaves_out_what_led_to_trouble_and_draws_interventions_half_of_the_time(
    base: ChunkPolicy, record: Dataset
) -> None:
    learner = learner_of(base, record)
    mine = SelectedWindows(learner.replay, "all", "sirius", base.horizon)
    drawn = mine.at[mine.draw(np.random.default_rng(0), 20_000)]
    phase = mine.phases[drawn]
    assert np.isin(phase, (R, C)).mean() == pytest.approx(0.5, abs=0.02)
    first = next(i for i, (p, _) in enumerate(EPISODES) if R in p)
    begins = sum(len(p) for p, _ in EPISODES[:first])
    ahead = (drawn >= begins + 5) & (drawn < begins + 20)
    assert not ahead.any() and (drawn < begins + 5).any()


def test_an_episode_of_which_a_part_is_overwritten_is_left_out(base: ChunkPolicy, record: Dataset) -> None:
    """The success after help would pass for an untouched one, once the ring has eaten the help."""
    learner = learner_of(base, record, capacity=36)
    held = held_episodes(learner.replay)
    assert [len(e.rows) for e in held] == [5, 7]
    assert all(len(e.rows) < 30 for e in held)


def test_an_episode_under_way_is_not_learnt_from(base: ChunkPolicy, record: Dataset, point: SimpleNamespace) -> None:
    learner = learner_of(base, record)
    before = len(held_episodes(learner.replay))
    row = {n: np.zeros(s, d) for n, (s, d) in {**learner.observer.rows}.items()} | {
        "chunk_step": np.array(-1, np.int16)
    }
    learner.replay.begin("now")
    for t in range(5):
        learner.replay.add(row, point.step(t, source=Source.HUMAN, phase=Phase.CORRECTION), t)
    assert len(held_episodes(learner.replay)) == before
    learner.replay.finish(row)
    assert len(held_episodes(learner.replay)) == before + 1


def test_what_has_been_overwritten_in_the_episode_under_way_is_not_learnt_from(
    base: ChunkPolicy, point: SimpleNamespace
) -> None:
    config = OnlineConfig(ImitationConfig(select="successful"), capacity=12)
    learner = Learner(config, base.spec, base)
    replay, improver = learner.replay, learner.improver
    assert isinstance(improver, Imitation)
    row = {n: v[0] for n, v in replay.observation.items()}
    for name, action in (("a", 1.0), ("b", 2.0)):
        replay.begin(name)
        for t in range(5):
            replay.add(row, point.step(t, executed=np.full(2, action)), t)
        replay.finish(row, True)
    assert len(improver.windows(replay)) == 10
    seen = []
    replay.begin("now")
    for t in range(9):
        replay.add(row, point.step(t, executed=np.full(2, -1.0)), t)
        windows = improver.windows(replay)
        batch = windows.batch(replay, np.arange(len(windows)), base.observation_names)
        assert not (batch["action"] < 0).any(), t
        seen.append(len(windows))
    assert seen == [5] * 6 + [0] * 3, "an episode goes as a whole, with its first row"


def test_a_retreat_from_force_is_not_imitated(base: ChunkPolicy, point: SimpleNamespace) -> None:
    learner = Learner(OnlineConfig(ImitationConfig(), capacity=50), base.spec, base)
    replay, row = learner.replay, {n: v[0] for n, v in learner.replay.observation.items()}
    replay.begin("a")
    for t in range(6):
        who = {"source": Source.REWIND, "safety": Safety.RETREAT} if t == 3 else {"source": Source.POLICY}
        replay.add(row, point.step(t, **who, success=t == 5), t)
    replay.finish(row, True)
    for select in ("all", "successful", "rac"):
        assert 3 not in (windows := SelectedWindows(replay, select, "uniform", base.horizon)).at and len(windows) == 5


def test_rounds_follow_robot_steps_or_episodes(base: ChunkPolicy, record: Dataset) -> None:
    rng = np.random.default_rng(0)
    learner = learner_of(base, record, every=3, updates=2, batch=4)
    for _ in range(7):
        learner.improver.update(learner.replay, rng)
    assert learner.improver.updates == 4
    learner = learner_of(base, record, every=2, unit="episodes", updates=5, batch=4)
    learner.improver.begin(learner.replay)
    learner.improver.update(learner.replay, rng)
    assert learner.improver.updates == 0
    for name, updates in (("one", 0), ("two", 5)):
        learner.replay.begin(name)
        row = {n: v[0] for n, v in learner.replay.observation.items()}
        learner.replay.finish(row)
        learner.improver.update(learner.replay, rng)
        assert learner.improver.updates == updates


def test_nothing_is_learnt_while_the_rule_selects_nothing(cell: Workcell, base: ChunkPolicy) -> None:
    config = OnlineConfig(
        ImitationConfig(select="human", batch=4), steps=20, warmup=1, evaluation_seeds=SEEDS[:1], capacity=200
    )
    session = Session(config, cell, base=base)
    before = {k: v.clone() for k, v in session.learner.agent.state_dict().items()}
    session.run()
    assert session.updates == 0
    assert all(torch.equal(v, before[k]) for k, v in session.learner.agent.state_dict().items())


def test_the_weights_that_act_follow_those_that_learn_and_the_base_stays(base: ChunkPolicy, record: Dataset) -> None:
    given = {k: v.clone() for k, v in base.state_dict().items()}
    learner = learner_of(base, record, average=0.5, batch=8)
    improver = learner.improver
    assert isinstance(improver, Imitation)
    improver.update(learner.replay, np.random.default_rng(0))
    learnt = improver.policy.state_dict()
    name = next(n for n, v in learnt.items() if not torch.equal(v, given[n]))
    new, acting = learnt[name], improver.agent.policy.state_dict()[name]
    torch.testing.assert_close(acting, 0.5 * given[name] + 0.5 * new)
    assert all(torch.equal(v, given[k]) for k, v in base.state_dict().items())
    assert any(k.endswith(name) for k in learner.agent.state_dict())
    learner.agent.train()
    assert not improver.agent.policy.training and improver.policy.training


def test_a_policy_learns_the_task_from_what_its_human_does(
    cell: Workcell, base: ChunkPolicy, make_demonstrations: Callable[..., Dataset]
) -> None:
    improver = ImitationConfig("human", every=1, updates=2, batch=32, lr=2e-3, average=0.98)
    config = OnlineConfig(improver, steps=200, warmup=1, evaluate_every=9999, evaluation_seeds=SEEDS, capacity=2000)
    first, last = Session(config, cell, make_demonstrations(25), base).run()
    assert first.success <= 0.3
    assert last.success >= 0.7


def test_a_resumed_session_goes_on_as_the_uninterrupted_one(
    cell: Workcell, base: ChunkPolicy, make_demonstrations: Callable[..., Dataset], tmp_path: Path
) -> None:
    config = OnlineConfig(
        ImitationConfig("human", batch=8), warmup=1, evaluation_seeds=SEEDS[:1], capacity=300, steps=50
    )
    data = make_demonstrations(3)
    whole = Session(config, cell, data, base, tmp_path / "whole")
    whole.run()
    Session(replace(config, steps=25), cell, data, base, tmp_path / "parts").run()
    parts = Session(config, cell, data, base, tmp_path / "parts")
    parts.run()
    ours, theirs = whole.learner.improver.state(), parts.learner.improver.state()
    assert ours[1] == theirs[1]
    assert all(torch.equal(v, theirs[0][k]) for k, v in ours[0].items())


@pytest.mark.parametrize("options", [{"every": 0}, {"average": 1.0}, {"lr": 0.0}])
def test_settings_without_meaning_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(TrainingError, match=next(iter(options))):
        ImitationConfig(**options)  # type: ignore[arg-type]
