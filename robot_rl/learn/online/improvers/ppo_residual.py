"""A residual on a frozen base, learnt on-policy (Ankile et al., ResiP, 2024; PPO: Schulman et al., 2017).

a = clip(a_base + scale u, -1, 1), u ~ N(mu(s, a_base), sigma) with a fixed sigma and mu beginning at 0. It wants many
steps (the paper has 1024 simulators): a baseline beside `residual`, which learns from every step many times.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online import checkpoint
from robot_rl.learn.online.batch import Batch, to_batch
from robot_rl.learn.online.features import Features
from robot_rl.learn.online.improvers.improver import Agent, Answer, Mode, Observation, Parts, UseOfBase
from robot_rl.learn.online.observe import BASE_ACTION
from robot_rl.learn.online.replay import ONGOING, Replay
from robot_rl.learn.online.scale import ActionScale
from robot_rl.policies.options import require_at_least

RAW = "raw"
"""The field of the network's output u that was played (A,)."""
LOG_DENSITY = "log_density"
"""The field of its log-density () under the policy that acted, which the learner's may be ahead of."""


@dataclass(frozen=True)
class PpoResidualConfig:
    """ResiP's residual with PPO's usual settings."""

    name: ClassVar[str] = "ppo_residual"
    base: ClassVar[UseOfBase] = "played"

    hidden: tuple[int, ...] = (256, 256)
    scale: float = 0.1
    """Of the correction, in halves of each action's range; u has deviation `std` around its mean."""
    log_std: float = -1.0
    rollout: int = 2048
    """Robot steps between updates, of which each is learnt from once; an episode's end counts as one more."""
    epochs: int = 10
    """Passes over a rollout."""
    minibatch: int = 256
    clip: float = 0.2
    """Largest change of the probability ratio that is rewarded."""
    gamma: float = 0.99
    gae_lambda: float = 0.95
    lr: float = 3e-4
    value_weight: float = 0.5
    max_norm: float = 1.0
    """Of the gradient."""
    target_kl: float = 0.03
    """Passes over a rollout end early once the policy has moved this far."""

    def __post_init__(self) -> None:
        require_at_least(1, self, ("rollout", "epochs", "minibatch"), where="ppo_residual: ", error=TrainingError)
        if not (0 < self.scale < math.inf and 0 < self.clip < 1 and 0 < self.gamma < 1 and 0 <= self.gae_lambda <= 1):
            raise TrainingError(
                f"ppo_residual: scale {self.scale}, clip {self.clip}, gamma {self.gamma}, gae_lambda "
                f"{self.gae_lambda}; scale must be above 0, clip and gamma in (0, 1), gae_lambda in [0, 1]"
            )

    def build(self, parts: Parts) -> PpoResidual:
        return PpoResidual(self, parts)


class GaussianResidual(Agent):
    """The policy, with the value function beside it."""

    def __init__(self, features: Features, scale: ActionScale, config: PpoResidualConfig) -> None:
        super().__init__(scale)
        self.features, self.config = features, config
        self.notes = {RAW: ((scale.size,), "float32"), LOG_DENSITY: ((), "float32")}
        self.mean = _mlp(features.size + scale.size, config.hidden, scale.size)
        self.value = _mlp(features.size + scale.size, config.hidden, 1)
        nn.init.zeros_(self.mean[-1].weight)
        nn.init.zeros_(self.mean[-1].bias)

    def act(self, observation: Observation, mode: Mode, generator: Generator) -> Answer:
        """The base with the mean correction, or a drawn one; warming up as exploring."""
        base = self.scale.to_unit(observation[BASE_ACTION])
        raw = mean = self.mean(self.inputs(observation))
        if mode != "mode":
            noise = torch.randn(raw.shape, generator=generator, device=raw.device)
            raw = mean + math.exp(self.config.log_std) * noise
        action = (base + self.config.scale * raw).clamp(-1.0, 1.0)
        return Answer(action[:, None], {RAW: raw, LOG_DENSITY: self._log_density(raw, mean)})

    def inputs(self, observation: Observation) -> Tensor:
        """What both networks see: features and the base's action."""
        return torch.cat([self.features(observation), self.scale.to_unit(observation[BASE_ACTION])], dim=1)

    def log_prob(self, observation: Observation, raw: Tensor) -> Tensor:
        """Log-densities (B,) of outputs (B, A)."""
        return self._log_density(raw, self.mean(self.inputs(observation)))

    def _log_density(self, raw: Tensor, mean: Tensor) -> Tensor:
        z = (raw - mean) / math.exp(self.config.log_std)
        return (-0.5 * z**2 - self.config.log_std - 0.5 * math.log(2 * math.pi)).sum(dim=1)


def generalized_advantages(
    delta: NDArray[np.float64], goes_on: NDArray[np.bool_], gamma: float, gae_lambda: float
) -> NDArray[np.float64]:
    """A_t = delta_t + gamma lambda A_{t+1} where t + 1 follows t in one episode, else delta_t (Schulman et al., 2016).

    Args:
        delta: (T,) r + gamma V(s') - V(s), with 0 for V(s') where the task terminated.
        goes_on: (T,) the next row is this one's successor, and the policy's own.
    """
    out = np.zeros_like(delta)
    later = 0.0
    for t in range(len(delta) - 1, -1, -1):
        later = delta[t] + (gamma * gae_lambda * later if goes_on[t] else 0.0)
        out[t] = later
    return out


class PpoResidual:
    """Proximal policy optimisation over each `rollout` of new steps, as far as the policy took them."""

    def __init__(self, config: PpoResidualConfig, parts: Parts) -> None:
        self.config, self.parts, self.span = config, parts, 1
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(parts.seed)
            agent = GaussianResidual(Features.of(parts), ActionScale(parts.spec.action), config)
        self.agent = agent.to(parts.device)
        self.optimizers = {"policy": torch.optim.Adam(self.agent.parameters(), lr=config.lr, eps=1e-5)}
        self.updates = 0
        self._learnt = 0
        """The replay's count of rows up to which they are no longer new."""

    def begin(self, replay: Replay) -> None:
        """Fit the observations' scale to the demonstrations, for good; they serve nothing else."""
        self.agent.features.fit(replay)
        self._learnt = replay.count

    def prepare(self, replay: Replay, rng: np.random.Generator) -> float:
        return 1.0

    def update(self, replay: Replay, rng: np.random.Generator) -> dict[str, float]:
        """Learns from a rollout's steps once they are in, however often it is called, and forgets them."""
        rows = self._rollout(replay)
        if len(rows) < 2:
            return {}
        batch = to_batch(
            replay.transitions(rows, self.config.gamma, self.parts.sampling.label(self.config.gamma)),
            self.agent.scale,
            self.parts.device,
        )
        advantage, target = self._advantages(replay, rows, batch)
        return self._learn(batch, advantage, target, rng)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = checkpoint.module_state({"agent": self.agent}) | checkpoint.optimizer_state(self.optimizers)
        return tensors, {"updates": self.updates, "learnt": self._learnt}

    def restore(self, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> None:
        checkpoint.restore_modules({"agent": self.agent}, tensors)
        checkpoint.restore_optimizers(self.optimizers, tensors)
        self.updates, self._learnt = int(document["updates"]), int(document["learnt"])

    def _rollout(self, replay: Replay) -> NDArray[np.int64]:
        """New rows that the policy acted in and that have a successor, oldest first; none before a rollout's are in."""
        whole = replay.count - 1  # the newest row waits for its successor
        self._learnt = min(self._learnt, whole)  # an episode that was dropped took its rows along
        if whole - self._learnt < self.config.rollout:
            return np.zeros(0, np.int64)
        rows = replay.newest(replay.count - self._learnt)[:-1]
        self._learnt = whole
        return rows[[row in replay.views["decisions"] for row in rows]]

    @torch.no_grad()
    def _advantages(self, replay: Replay, rows: NDArray[np.int64], batch: Batch) -> tuple[Tensor, Tensor]:
        """Advantages (T,) and the values (T,) to learn."""
        value = self.agent.value(self.agent.inputs(batch.observation))[:, 0]
        after = self.agent.value(self.agent.inputs(batch.next_observation))[:, 0]
        delta = (batch.reward + batch.bootstrap * after - value).double().cpu().numpy()
        follows = np.append((rows[:-1] + 1) % replay.capacity == rows[1:], False)
        goes_on = follows & (replay.columns["kind"][rows] == ONGOING)
        advantage = generalized_advantages(delta, goes_on, self.config.gamma, self.config.gae_lambda)
        tensor = torch.from_numpy(advantage).float().to(value.device)
        return tensor, tensor + value

    def _learn(self, batch: Batch, advantage: Tensor, target: Tensor, rng: np.random.Generator) -> dict[str, float]:
        c, agent = self.config, self.agent
        raw, before = batch.observation[RAW], batch.observation[LOG_DENSITY]
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        figures: dict[str, float] = {}
        for _ in range(c.epochs):
            order = torch.from_numpy(rng.permutation(len(raw)))
            for part in order.split(c.minibatch):
                seen = {n: v[part] for n, v in batch.observation.items()}
                log_ratio = agent.log_prob(seen, raw[part]) - before[part]
                policy_loss = clipped_loss(log_ratio, advantage[part], c.clip)
                value_loss = (agent.value(agent.inputs(seen))[:, 0] - target[part]).square().mean()
                self._step(policy_loss + c.value_weight * value_loss)
                figures = {"actor_loss": policy_loss.item(), "critic_loss": value_loss.item()}
            with torch.no_grad():
                log_ratio = agent.log_prob(batch.observation, raw) - before
                figures["kl"] = (log_ratio.exp() - 1 - log_ratio).mean().item()
            if figures["kl"] > c.target_kl:
                break
        return figures

    def _step(self, loss: Tensor) -> None:
        if not torch.isfinite(loss):
            raise TrainingError(
                f"the policy's loss is {loss.item()} after {self.updates} updates; go back to the last session saved, "
                "with a lower learning rate"
            )
        optimizer = self.optimizers["policy"]
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.agent.parameters(), self.config.max_norm)
        optimizer.step()
        self.updates += 1


def clipped_loss(log_ratio: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """-mean min(r A, clip(r, 1 - clip, 1 + clip) A), r = exp(log_ratio); both (B,)."""
    ratio = log_ratio.exp()
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage).mean()


def _mlp(inputs: int, hidden: tuple[int, ...], outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.Tanh()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))
