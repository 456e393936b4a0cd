"""What offline-first improvers share: a phase on recorded data, a scale of rewards, and an actor that is trusted.

Rewards become r' = scale r + offset. With discounting that is another task where episodes differ in length, and it
moves every Monte-Carlo return: -1/0 (offset -1) makes each step before success cost something.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Generator

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.actors import Actor
from robot_rl.learn.online.batch import Batch, to_batch
from robot_rl.learn.online.features import Features
from robot_rl.learn.online.improvers.actor_critic import ActorCritic
from robot_rl.learn.online.improvers.improver import Answer, Mode, Observation, Parts
from robot_rl.learn.online.labels import Label, StepWindow
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.sac import Sac, SacConfig
from robot_rl.learn.online.scale import ActionScale

SLICE = 100
"""Updates of the offline phase between reports."""


@dataclass(frozen=True)
class OfflineConfig:
    """The phase before the first robot step."""

    updates: int = 20_000
    """On everything recorded; 0 skips the phase."""
    scale: float = 1.0
    """Of rewards."""
    offset: float = 0.0
    """Added to every reward after the scale; also the reward of a step that achieves nothing."""

    def __post_init__(self) -> None:
        if self.updates < 0 or not 0 < self.scale < math.inf or not math.isfinite(self.offset):
            raise TrainingError(
                f"offline: updates is {self.updates}, scale {self.scale}, offset {self.offset}; updates must be at "
                "least 0, scale above 0, offset finite"
            )

    def label(self, inner: Label) -> Label:
        """The session's rewards, scaled and moved."""

        def moved(window: StepWindow) -> NDArray[np.float64]:
            out: NDArray[np.float64] = self.scale * inner(window) + self.offset
            return out

        return moved


class TrustedActor(Actor):
    """Warming up, it acts as it has learnt offline, exploration included; never at random."""

    def act(self, observation: Observation, mode: Mode, generator: Generator) -> Answer:
        return super().act(observation, "sample" if mode == "warmup" else mode, generator)


class Offline(ActorCritic):
    """An actor-critic with a phase on recorded data; the same updates go on online."""

    def __init__(self, options: OfflineConfig, sac: SacConfig, parts: Parts) -> None:
        self.options, self.done = options, 0
        self.label = options.label(parts.sampling.label(sac.gamma))
        scale = ActionScale(parts.spec.action)

        def make(features: Features) -> Actor:
            return TrustedActor(features, scale, sac.hidden)

        super().__init__(sac, parts, make)

    @property
    def learner(self) -> Sac:
        """What learns offline."""
        return self.sac

    def begin(self, replay: Replay) -> None:
        """Refuse to learn offline from nothing. Raises TrainingError."""
        if self.options.updates:
            _require_data(replay, self.parts.sampling.reward)
        super().begin(replay)

    def prepare(self, replay: Replay, rng: np.random.Generator) -> float:
        """The next updates of the offline phase, on everything recorded, whoever acted."""
        for _ in range(min(SLICE, self.options.updates - self.done)):
            self.learner.update([self.batch(replay, rng, {"all": 1.0})])
            self.done += 1
        return self.done / self.options.updates if self.options.updates else 1.0

    def update(self, replay: Replay, rng: np.random.Generator) -> dict[str, float]:
        """`utd` updates, of demonstrations and the robot's own steps in the session's shares."""
        if not len(replay):
            return {}
        return super().update(replay, rng)

    def draw(self, replay: Replay, rng: np.random.Generator) -> Batch:
        return self.batch(replay, rng, self.parts.sampling.shares)

    def batch(self, replay: Replay, rng: np.random.Generator, shares: Mapping[str, float]) -> Batch:
        """`batch` transitions with the rewards of `options`, of the replay's views in these shares."""
        return self.at(replay, replay.draw(rng, self.config.batch, shares))

    def at(self, replay: Replay, rows: NDArray[np.int64]) -> Batch:
        """The transitions that begin at `rows` (B,)."""
        transitions = replay.transitions(rows, self.config.gamma, self.label)
        return to_batch(transitions, self.agent.scale, self.parts.device)


def _require_data(replay: Replay, reward: str) -> None:
    rows = replay.views["all"].rows
    if not len(rows):
        raise TrainingError(
            "there is nothing recorded to learn from offline: give --dataset, or set offline.updates: 0"
        )
    if reward == "success" and not replay.columns["success"][rows].any():
        raise TrainingError(
            f"there is no success in the {len(rows)} recorded steps: offline learning finds nothing in a reward that "
            "never comes. Record successes, or use reward: task"
        )
