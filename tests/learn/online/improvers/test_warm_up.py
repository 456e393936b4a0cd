"""What the warm-up of WSRL is for: without it the values learnt offline collapse (silent failure 12).

A point on a line walks from 0 to 1 in 20 steps, and succeeds there. In the first steps after the hand-over the replay
holds the beginning of one episode and no success: nothing in it says that a reward will come, so its values are each
other's, less the discount, and all shrink together. A replay that the frozen policy has filled holds successes.
"""

from __future__ import annotations

import numpy as np
import torch

from robot_rl.datasets.record import Phase, Source, Step
from robot_rl.learn.online.improvers.calql import Conservative
from robot_rl.learn.online.improvers.improver import Parts
from robot_rl.learn.online.improvers.offline import OfflineConfig
from robot_rl.learn.online.improvers.wsrl import Wsrl, WsrlConfig
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.sampling import Sampling
from robot_rl.spec import Field, Layout, Spec

SPEC = Spec("line", 10.0, Layout((Field("state", (1,)),)), Layout((Field("velocity", (1,), low=(-1,), high=(1,)),)))
FIELDS = {"state": ((1,), "float32")}
STRIDE, LENGTH = 0.05, 30
WORTH = 0.59
"""Mean over the way of 0.95 to the power of the steps that are left: what walking on is worth."""
CPU = torch.device("cpu")


def at(position: float) -> dict[str, np.ndarray]:
    return {"state": np.array([position], np.float32)}


class Walk:
    """One episode after the other into a replay, a step at a time."""

    def __init__(self, replay: Replay, name: str) -> None:
        self.replay, self.name, self.episodes, self.t, self.position = replay, name, 0, 0, 0.0

    def step(self, action: float, *, shown: bool = False) -> None:
        if self.t == 0:
            self.replay.begin(f"{self.name} {self.episodes}")
        action = float(np.clip(action, -1, 1))
        after = float(np.clip(self.position + STRIDE * action, 0.0, 1.0))
        reached, none = after >= 1.0 - 1e-6, np.full(1, np.nan)
        who = (Source.HUMAN, Phase.DEMONSTRATION) if shown else (Source.POLICY, Phase.AUTONOMOUS)
        over = self.t + 1 == LENGTH
        self.replay.add(
            at(self.position),
            Step(self.t, np.array([action]), none, none, *who, reward=float(reached), success=reached,
                 terminated=reached, truncated=over and not reached),
            self.t,
        )  # fmt: skip
        self.t, self.position = self.t + 1, after
        if reached or over:
            self.replay.finish(at(after))
            self.t, self.position, self.episodes = 0, 0.0, self.episodes + 1


def made() -> tuple[Wsrl, Replay, np.random.Generator]:
    sac = SacConfig(
        critics=2, subset=2, hidden=(24, 24), batch=32, utd=10, gamma=0.95, tau=0.1, critic_lr=1e-3, temperature=0.01
    )
    config = WsrlConfig(sac, conservative=Conservative(weight=1.0, samples=3), offline=OfflineConfig(updates=300))
    improver = config.build(Parts(SPEC, FIELDS, Sampling(0.5, "task"), CPU, 0))
    return improver, Replay(1000, FIELDS, 1, 1), np.random.default_rng(0)


def learn_offline(improver: Wsrl, replay: Replay, rng: np.random.Generator) -> None:
    """From ten demonstrations; after the hand-over they are gone from the replay."""
    shown = Walk(replay, "shown")
    while shown.episodes < 10:
        shown.step(1.0 + 0.2 * rng.normal(), shown=True)
    improver.begin(replay)
    while improver.prepare(replay, rng) < 1.0:
        pass


def learn_online(improver: Wsrl, replay: Replay, rng: np.random.Generator, warm_up: int) -> None:
    """As many steps without an update, then 19 with: one too few to succeed in."""
    walk, generator = Walk(replay, "online"), torch.Generator().manual_seed(0)
    for step in range(warm_up + 19):
        with torch.no_grad():
            seen = {"state": torch.tensor([[walk.position]])}
            walk.step(float(improver.agent.act(seen, "sample", generator).actions[0, 0, 0]))
        if step >= warm_up:
            improver.update(replay, rng)


@torch.no_grad()
def value_of_the_data(improver: Wsrl) -> float:
    """Mean over the way of what the critics say of walking on."""
    state = torch.linspace(0, 0.9, 19)[:, None]
    return float(improver.sac.critics(improver.agent.features({"state": state}), torch.full((19, 1), 0.95)).mean())


def test_without_a_warm_up_the_values_learnt_offline_collapse_and_with_one_they_stay() -> None:
    cold, warm = made(), made()
    learn_offline(*cold)
    improver, replay, rng = warm
    improver.restore(*cold[0].state())
    assert value_of_the_data(improver) == value_of_the_data(cold[0]) > WORTH
    learn_online(*cold, warm_up=0)
    learn_online(improver, replay, rng, warm_up=100)
    assert abs(value_of_the_data(improver) - WORTH) < 0.15
    assert value_of_the_data(cold[0]) < 0.6 * WORTH
