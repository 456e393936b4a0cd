"""A session's result deploys like any checkpoint, and acts as it did in the session's own evaluation."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from robot_rl.learn.online.acting import AgentExecutor
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.deployed import AgentPlayer, AgentPolicy
from robot_rl.learn.online.folder import BASE
from robot_rl.learn.online.improvers.residual import ResidualConfig
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import Workcell
from robot_rl.learn.verifier import train_verifier
from robot_rl.policies import checkpoint
from robot_rl.policies.checkpoint import CheckpointError
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.execution import ExecutionError, PolicyUnavailableError
from robot_rl.policies.flow import FlowConfig
from robot_rl.policies.modes import ExecutionConfig, make_executor
from robot_rl.policies.normalization import Statistics
from robot_rl.policies.verifier_counts import CountConfig
from robot_rl.serving.loading import load_policy

SMALL = SacConfig(critics=2, hidden=(16,), batch=16, utd=1, actor_lr=1e-2)
SEEDS = tuple(range(9000, 9010))


def config(improver: RlpdConfig | ResidualConfig) -> OnlineConfig:
    return OnlineConfig(
        improver, demo_share=0.0, steps=60, warmup=15, evaluate_every=1000, evaluation_seeds=SEEDS, capacity=500
    )


@pytest.fixture
def chunks(point: SimpleNamespace, tmp_path: Path) -> ChunkPolicy:
    """A base with chunks of 4, whose samples depend on its noise."""
    torch.manual_seed(0)
    spread = Statistics.of(np.random.default_rng(0).normal(size=(50, 2)))
    statistics = dict.fromkeys(("position", "goal", "action"), spread)
    settings = PolicyConfig(horizon=4, n_action_steps=4, n_obs=1, head=FlowConfig(width=16, sampling_steps=2))
    policy = ChunkPolicy(point.spec, point.spec.observation, settings, statistics)
    checkpoint.save(tmp_path / "session" / BASE, policy, statistics)
    return checkpoint.load(tmp_path / "session" / BASE)


def paths(cell: Workcell, executor: object) -> list[np.ndarray]:
    """Where the point ends from each held-out state."""
    out = []
    for seed in SEEDS:
        cell.run(executor, seed, "evaluation")  # type: ignore[arg-type]
        out.append(cell.robot.read().values["position"])
    return out


@pytest.mark.parametrize("kind", ["rlpd", "residual"])
def test_what_is_deployed_moves_as_in_the_sessions_own_evaluation(
    kind: str, cell: Workcell, chunks: ChunkPolicy, tmp_path: Path
) -> None:
    improver = RlpdConfig(SMALL) if kind == "rlpd" else ResidualConfig(replace(SMALL, n_step=3))
    base = None if kind == "rlpd" else chunks
    session = Session(config(improver), cell, base=base, directory=tmp_path / "session")
    session.run()
    session.executor.mode = "mode"
    session.learner.agent.eval()
    mine = paths(cell, session.executor)
    policy = load_policy(str(tmp_path / "session"), cell.robot.spec)
    theirs = paths(cell, make_executor(policy, ExecutionConfig(), simulated=True))
    assert np.array_equal(mine, theirs)
    assert checkpoint.read_origin(tmp_path / "session").training["robot_steps"] == session.tally.robot_steps


def test_an_agent_brings_its_own_execution(cell: Workcell, tmp_path: Path) -> None:
    Session(config(RlpdConfig(SMALL)), cell, directory=tmp_path).run()
    policy = load_policy(str(tmp_path), cell.robot.spec)
    with pytest.raises(ExecutionError, match="brings its own: choose receding"):
        make_executor(policy, ExecutionConfig("async"), simulated=True)


def test_while_its_base_does_not_answer_a_deployed_agent_holds_still_and_then_goes_on(point: SimpleNamespace) -> None:
    class Base(point.base):  # type: ignore[misc, name-defined]
        down = False

        def predict(self, observation: dict[str, np.ndarray]) -> np.ndarray:
            if self.down:
                raise PolicyUnavailableError("the server is down")
            return np.asarray(super().predict(observation))

    base = Base()
    player = AgentPolicy(config(ResidualConfig(replace(SMALL, n_step=3))), point.spec, base).make_executor()
    player.reset(0)
    seen = {"position": np.zeros(2), "goal": np.ones(2)}
    assert player.act(seen) is not None
    base.down = True
    actions = [player.act(seen) for _ in range(5)]
    assert [a is None for a in actions] == [False] * 3 + [True] * 2, "the base's chunk goes on to its end"
    player.observe(seen)
    assert player.act(seen) is None
    assert (player.counts.held, player.counts.failures) == (3, 4)
    base.down = False
    assert player.act(seen) is not None


def test_a_deployed_episode_depends_on_its_own_seed_alone(point: SimpleNamespace) -> None:
    policy = AgentPolicy(config(RlpdConfig(SMALL)), point.spec)

    def noise(player: AgentExecutor, seed: int | None) -> float:
        player.reset(seed)
        return torch.rand((), generator=player.generator).item()

    player = policy.make_executor()
    assert noise(player, 3) != noise(player, 4) and noise(player, 3) == noise(player, 3)
    assert noise(player, None) != noise(player, None), "without a seed its stream goes on"
    session = AgentPlayer(policy)
    assert noise(session, 3) != noise(session, 3), "a session's stream goes on whatever the seed"


@pytest.mark.parametrize("read", [checkpoint.load, checkpoint.read_card, train_verifier])
def test_an_agent_is_neither_served_nor_verified(read: Callable[..., object], cell: Workcell, tmp_path: Path) -> None:
    Session(config(RlpdConfig(SMALL)), cell, directory=tmp_path).run()
    arguments = (CountConfig(),) if read is train_verifier else ()
    with pytest.raises(CheckpointError, match="holds the agent of an online session: .* deployed on the robot's comp"):
        read(tmp_path, *arguments)


def test_a_damaged_agent_is_refused(cell: Workcell, tmp_path: Path) -> None:
    Session(config(RlpdConfig(SMALL)), cell, directory=tmp_path).run()
    document = json.loads((tmp_path / "agent.json").read_text())
    (tmp_path / "agent.json").write_text(json.dumps(document | {"version": 99}))
    with pytest.raises(CheckpointError, match="version 99"):
        load_policy(str(tmp_path), cell.robot.spec)
    (tmp_path / "agent.json").write_text(json.dumps(document))
    weights = tmp_path / document["tensors"]["file"]
    weights.write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(CheckpointError, match="damaged"):
        load_policy(str(tmp_path), cell.robot.spec)
