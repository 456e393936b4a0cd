"""What `robot-rl serve` offers; the server itself is tested in tests/serving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("websockets", reason="needs robot_rl[serve]")
torch = pytest.importorskip("torch", reason="needs robot_rl[train]")

from robot_rl.commands import serve  # noqa: E402
from robot_rl.policies import checkpoint  # noqa: E402
from robot_rl.policies.checkpoint import CheckpointError  # noqa: E402
from robot_rl.policies.chunk_policy import ChunkPolicy  # noqa: E402
from robot_rl.policies.config import PolicyConfig  # noqa: E402
from robot_rl.policies.encoders import EncoderConfig  # noqa: E402
from robot_rl.policies.flow import FlowConfig  # noqa: E402
from robot_rl.policies.normalization import Statistics  # noqa: E402
from robot_rl.policies.verifier_counts import CountConfig, fit  # noqa: E402
from robot_rl.serving import server  # noqa: E402
from robot_rl.spec import Field, Layout, Spec, SpecError  # noqa: E402

SPEC = Spec("toy", 20.0, Layout((Field("q", (2,)),)), Layout((Field("v", (1,), low=(-1,), high=(1,)),)))


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The policy and the options of each server that was to be started; none is."""
    out: list[Any] = []

    class Server:
        host, port = "127.0.0.1", 8000

        def __init__(self, policy: ChunkPolicy, *_: object, **options: object) -> None:
            out.extend((policy, options))

        def run(self) -> None:
            pass

    monkeypatch.setattr(server, "PolicyServer", Server)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    return out


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config = PolicyConfig(horizon=4, n_action_steps=2, encoder=EncoderConfig(width=8), head=FlowConfig(width=8))
    statistics = {"q": Statistics.of(np.eye(2)), "action": Statistics.of(np.eye(1))}
    return checkpoint.save(tmp_path, ChunkPolicy(SPEC, SPEC.observation, config, statistics), statistics)


def test_a_served_policy_chooses_among_as_many_chunks_as_it_is_told(folder: Path, offered: list[Any]) -> None:
    with pytest.raises(SpecError, match="no verifier to choose among them: train one"):
        serve.run(serve.Options(str(folder), samples=3))
    checkpoint.save_verifier(folder, fit(torch.randn(16, 8 + 4), 8, CountConfig(width=8, steps=1)))
    assert serve.run(serve.Options(str(folder), samples=3)) == 0
    policy, options = offered
    assert policy.choice.samples == 3
    assert options["weights"] == checkpoint.weights_digest(folder)


def test_an_agent_is_not_served(tmp_path: Path, offered: list[Any]) -> None:
    (tmp_path / "agent.json").write_text("{}")
    with pytest.raises(
        CheckpointError, match="holds the agent of an online session: .* deployed on the robot's computer"
    ):
        serve.run(serve.Options(str(tmp_path)))
