"""Imitation on deployment data: the policy goes on learning by its own loss from what happens on the robot.

Which steps it learns from, and how often, is all that differs:

- HG-DAgger (Kelly et al., 2019): `select: human`, what a human did;
- RaC (Hu et al., 2025): `select: rac`, demonstrations, recoveries and corrections, and untouched successes;
- Sirius (Liu et al., 2023): `select: all, weights: sirius`, interventions half of the time, what led to them never;
- filtered behaviour cloning: `select: successful`, the episodes that ended well.

They are honest baselines for reinforcement learning: the same record, the same networks, the same robot steps.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Generator, Tensor, nn

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online import checkpoint
from robot_rl.learn.online.base import Base, required
from robot_rl.learn.online.improvers.improver import Agent, Answer, Mode, Observation, Parts, UseOfBase
from robot_rl.learn.online.networks import follow
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.scale import ActionScale
from robot_rl.learn.online.selected import SelectedWindows
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.options import require_at_least


@dataclass(frozen=True)
class ImitationConfig:
    """Supervised learning of the base itself, while it acts; the session's `demo_share` and `reward` play no part."""

    name: ClassVar[str] = "imitation"
    base: ClassVar[UseOfBase] = "sampled"

    select: Literal["all", "successful", "human", "rac"] = "rac"
    """Which steps; see `datasets.selection`."""
    weights: Literal["uniform", "sirius", "rac"] = "uniform"
    """How often each; see `datasets.weights`."""
    every: int = 1
    """Robot steps, or finished episodes, between rounds of updates."""
    unit: Literal["steps", "episodes"] = "steps"
    """Of `every`."""
    updates: int = 1
    """In each round."""
    batch: int = 256
    lr: float = 3e-4
    max_norm: float = 1.0
    """Of the gradient."""
    average: float = 0.99
    """Decay of the averaged weights, which act; 0 lets the newest act."""
    steps: int = 0
    """Actions of a chunk that are played; 0 takes the base's own."""

    def __post_init__(self) -> None:
        require_at_least(1, self, ("every", "updates", "batch"), where="imitation: ", error=TrainingError)
        if not (self.lr > 0 and self.max_norm > 0 and 0 <= self.average < 1):
            raise TrainingError(
                f"imitation: lr is {self.lr}, max_norm {self.max_norm}, average {self.average}; the first two must be "
                "above 0, the average in [0, 1)"
            )

    def build(self, parts: Parts) -> Imitation:
        return Imitation(self, parts)


class ChunkAgent(Agent):
    """Plays a chunk policy, as it is deployed in every mode.

    Args:
        base: its policy is part of the agent, and travels.
    """

    def __init__(self, scale: ActionScale, base: Base) -> None:
        super().__init__(scale)
        self.base, self.policy = base, base.policy

    def act(self, observation: Observation, mode: Mode, generator: Generator) -> Answer:
        return Answer(self.base.chunks(observation, generator=generator))

    def train(self, mode: bool = True) -> ChunkAgent:
        """Leave the policy as it is: augmentation and dropout are for the copy that learns."""
        super().train(mode)
        self.policy.eval()
        return self


class Imitation:
    """A copy of the base learns; its averaged weights act."""

    def __init__(self, config: ImitationConfig, parts: Parts) -> None:
        self.config, self.parts, self.span = config, parts, 1
        given = required(parts.base, config.name)
        self.policy: ChunkPolicy = copy.deepcopy(given).train()
        if not any(p.requires_grad for p in self.policy.parameters()):
            self.policy.requires_grad_(True)
        self.agent = ChunkAgent(ActionScale(parts.spec.action), Base(copy.deepcopy(given), config.steps))
        self.agent.to(parts.device)
        self.trained = [p for p in self.policy.parameters() if p.requires_grad]
        self.optimizers = {"policy": torch.optim.AdamW(self.trained, lr=config.lr, weight_decay=1e-6)}
        self.generator = Generator(parts.device).manual_seed(parts.seed)
        self.future = self.policy.config.future(self.policy.observation_names)
        self.updates = 0
        self._steps, self._episodes = 0, 0
        self._windows: SelectedWindows | None = None

    def begin(self, replay: Replay) -> None:
        """Episodes that are there already are no reason for a round."""
        self._episodes = replay.finished

    def prepare(self, replay: Replay, rng: np.random.Generator) -> float:
        return 1.0

    def update(self, replay: Replay, rng: np.random.Generator) -> dict[str, float]:
        """A round of updates when it is time; none while the rule selects nothing."""
        self._steps += 1
        if not self._due(replay):
            return {}
        windows, figures = self.windows(replay), {}
        for _ in range(self.config.updates):
            indices = windows.draw(rng, self.config.batch)
            if len(indices):
                figures = {"imitation_loss": self._learn(windows.batch(replay, indices, *self._wanted))}
        return figures

    def windows(self, replay: Replay) -> SelectedWindows:
        """What there is to learn from by now; made anew when an episode has ended, or has begun to be overwritten."""
        if self._windows is None or not self._windows.current(replay):
            self._windows = SelectedWindows(replay, self.config.select, self.config.weights, self.policy.horizon)
        return self._windows

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = checkpoint.module_state({"agent": self.agent, "policy": self.policy})
        tensors |= checkpoint.optimizer_state(self.optimizers) | {"noise": self.generator.get_state()}
        return tensors, {"updates": self.updates, "steps": self._steps, "episodes": self._episodes}

    def restore(self, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> None:
        checkpoint.restore_modules({"agent": self.agent, "policy": self.policy}, tensors)
        checkpoint.restore_optimizers(self.optimizers, tensors)
        self.generator.set_state(tensors["noise"])
        self.updates = int(document["updates"])
        self._steps, self._episodes = int(document["steps"]), int(document["episodes"])

    @property
    def _wanted(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return self.policy.observation_names, self.future

    def _due(self, replay: Replay) -> bool:
        if self.config.unit == "steps":
            return self._steps % self.config.every == 0
        if replay.finished - self._episodes < self.config.every:
            return False
        self._episodes = replay.finished
        return True

    def _learn(self, batch: Mapping[str, np.ndarray]) -> float:
        """One supervised step of the policy, after which the weights that act follow."""
        tensors = {n: torch.from_numpy(v).to(self.parts.device) for n, v in batch.items()}
        loss = self.policy.loss(tensors, self.generator)
        if not torch.isfinite(loss):
            raise TrainingError(f"the policy's loss is {loss.item()} after {self.updates} updates; lower imitation.lr")
        optimizer = self.optimizers["policy"]
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.trained, self.config.max_norm)
        optimizer.step()
        self.policy.after_update()
        follow(self.agent.policy, self.policy, 1.0 - self.config.average)
        self.updates += 1
        return float(loss.item())
