"""`robot-rl launch finetune`: an agent acts behind ROS, a person takes over, a learner learns from what is recorded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")
pytest.importorskip("torch", reason="needs robot_rl[train]")

from robot_rl.datasets import Dataset, Source  # noqa: E402
from robot_rl.learn.online import recipe  # noqa: E402
from robot_rl.learn.online.config import OnlineConfig  # noqa: E402
from robot_rl.learn.online.folder import EPISODES  # noqa: E402
from robot_rl.learn.online.improvers.rlpd import RlpdConfig  # noqa: E402
from robot_rl.learn.online.recipe import Recipe  # noqa: E402
from robot_rl.learn.online.remote.config import RemoteConfig  # noqa: E402
from robot_rl.learn.online.sac import SacConfig  # noqa: E402

RECIPE = Recipe(
    robot="sim_pegslot",
    online=OnlineConfig(
        RlpdConfig(SacConfig(critics=2, hidden=(16,), batch=16, utd=1)),
        demo_share=0.0,
        warmup=20,
        capacity=2000,
        evaluation_seeds=(1_000_000,),
    ),
    remote=RemoteConfig(period=0.2),
)


def finetune(session: Path, **arguments: str) -> subprocess.CompletedProcess[str]:
    """The launch as a user starts it, to its end."""
    command = [sys.executable, "-m", "robot_rl.cli", "launch", "finetune", f"session:={session}"]
    command += ["device:=scripted", "lockstep:=true", *(f"{k}:={v}" for k, v in arguments.items())]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("launches", [(3,), (3, 2)])
def test_a_session_learns_from_every_episode_once(tmp_path: Path, launches: tuple[int, ...]) -> None:
    session, seed = tmp_path / "session", 0
    recipe.save(RECIPE, session)
    for count in launches:
        result = finetune(session, episodes=str(count), seed=str(seed))
        assert result.returncode == 0, result.stdout + result.stderr
        seed += count
    episodes = list(Dataset.open(session / EPISODES))
    document = json.loads((session / "session.json").read_text())
    assert [e.attributes["seed"] for e in episodes] == list(range(seed))
    assert document["tally"]["episodes"] == seed
    assert document["tally"]["robot_steps"] == sum(len(e) for e in episodes)
    assert document["tally"]["human_steps"] == sum(int((e.steps["source"] == Source.HUMAN).sum()) for e in episodes) > 0
    assert document["learner"]["replay"]["count"] == sum(len(e) + 1 for e in episodes)
    assert (session / "agent.json").is_file()


@pytest.mark.slow
def test_a_session_without_a_recipe_is_refused(tmp_path: Path) -> None:
    result = finetune(tmp_path / "nothing", episodes="1")
    assert result.returncode != 0
    assert "holds no session, and parameter 'recipe' names none" in result.stdout + result.stderr
