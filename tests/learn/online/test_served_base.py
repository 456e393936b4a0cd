"""A residual on a base that a policy server plays: the same session as beside the base itself, and the same policy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("websockets", reason="needs robot_rl[serve]")

from robot_rl.learn.config import TrainingError  # noqa: E402
from robot_rl.learn.online import deployed  # noqa: E402
from robot_rl.learn.online.config import OnlineConfig  # noqa: E402
from robot_rl.learn.online.folder import begin_folder, load_base, release  # noqa: E402
from robot_rl.learn.online.improvers.expo import ExpoConfig  # noqa: E402
from robot_rl.learn.online.improvers.residual import ResidualConfig  # noqa: E402
from robot_rl.learn.online.recipe import Recipe  # noqa: E402
from robot_rl.learn.online.sac import SacConfig  # noqa: E402
from robot_rl.learn.online.session import Session  # noqa: E402
from robot_rl.learn.online.workcell import Workcell  # noqa: E402
from robot_rl.serving.server import PolicyServer  # noqa: E402

SMALL = SacConfig(critics=2, hidden=(16,), batch=16, utd=1, n_step=3)
CONFIG = OnlineConfig(
    ResidualConfig(SMALL), steps=60, warmup=20, evaluate_every=30, evaluation_seeds=(1_000_000, 1_000_001)
)


@contextmanager
def served(point: SimpleNamespace, port: int = 0) -> Iterator[str]:
    """The base behind this address."""
    base = point.base()
    base.inputs, base.can_continue = base.spec.observation, False
    server = PolicyServer(base, port=port)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"ws://127.0.0.1:{server.port}"
    server.close()
    thread.join(timeout=10)


@pytest.fixture
def address(point: SimpleNamespace) -> Iterator[str]:
    with served(point) as where:
        yield where


def test_a_session_on_a_served_base_is_the_session_beside_the_base_itself(
    address: str, cell: Workcell, point: SimpleNamespace, tmp_path: Path
) -> None:
    folder = tmp_path / "served"
    begin_folder(Recipe(checkpoint=address, online=CONFIG), folder)
    remote = load_base(CONFIG, folder, cell.robot.spec)
    there = Session(CONFIG, cell, base=remote, directory=folder)
    there.run()
    release(remote)
    here = Session(CONFIG, cell, base=point.base(), directory=tmp_path / "own")
    here.run()
    count = len(here.learner.replay)
    assert len(there.learner.replay) == count >= 60
    for name, column in here.learner.replay.observation.items():
        np.testing.assert_array_equal(column[:count], there.learner.replay.observation[name][:count], err_msg=name)
    assert [p.successes for p in here.curve] == [p.successes for p in there.curve]

    policy = deployed.load(folder)
    seen = {"position": np.array([[0.1, -0.2]]), "goal": np.array([[0.3, 0.1]])}
    policy.reset(0)
    np.testing.assert_allclose(policy.predict(seen), np.asarray(_beside(here, point, seen)), atol=1e-6)
    policy.close()


def _beside(session: Session, point: SimpleNamespace, seen: dict[str, np.ndarray]) -> np.ndarray:
    policy = deployed.AgentPolicy(session.config, point.spec, point.base())
    policy.agent.load_state_dict(session.learner.agent.state_dict())
    policy.reset(0)
    return policy.predict(seen)


def test_an_improver_that_samples_its_base_refuses_a_server(address: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not a policy server"):
        begin_folder(Recipe(checkpoint=address, online=OnlineConfig(ExpoConfig())), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_server_that_falls_silent_ends_the_session_and_it_goes_on_when_the_server_is_back(
    cell: Workcell, point: SimpleNamespace, tmp_path: Path
) -> None:
    with served(point) as where:
        begin_folder(Recipe(checkpoint=where, online=CONFIG), tmp_path)
        remote = load_base(CONFIG, tmp_path, cell.robot.spec)
        session = Session(CONFIG, cell, base=remote, directory=tmp_path)
        session.turn()
        done = session.tally.robot_steps
    with pytest.raises(TrainingError, match="the base policy does not answer"):
        session.run()
    release(remote)
    with served(point, int(where.rpartition(":")[2])):
        back = load_base(CONFIG, tmp_path, cell.robot.spec)
        again = Session(CONFIG, cell, base=back, directory=tmp_path)
        assert again.tally.robot_steps == done > 0
        again.run()
        assert again.tally.robot_steps >= CONFIG.steps
        release(back)
