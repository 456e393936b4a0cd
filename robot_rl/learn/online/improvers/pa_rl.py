"""Policy-agnostic RL (Mark et al., PA-RL, 2024): optimise actions by the critic, then teach them to the policy.

Of N chunks of the base the best m by the critics' mean are moved up the gradient of that mean; the best of these is
executed, and forms the TD target. With `distil_every` the base learns the chosen actions by its own supervised loss,
whatever kind of policy it is, and what is learnt from its chunks is learnt from chunks of the present base.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Generator, Tensor, nn

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online import checkpoint
from robot_rl.learn.online.base import Base, required
from robot_rl.learn.online.batch import Batch
from robot_rl.learn.online.features import Features
from robot_rl.learn.online.improvers.actor_critic import ActorCritic
from robot_rl.learn.online.improvers.improver import Observation, Parts, UseOfBase
from robot_rl.learn.online.improvers.proposals import CANDIDATES, ProposalActor, best, check, mean_values
from robot_rl.learn.online.networks import Critics
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.scale import ActionScale
from robot_rl.policies.chunk_policy import ChunkPolicy


@dataclass(frozen=True)
class PaRlConfig:
    """The paper optimises 32 chunks, of which 10, in 10 steps; these are fewer, for a CPU."""

    name: ClassVar[str] = "pa_rl"
    base: ClassVar[UseOfBase] = "sampled"

    sac: SacConfig = field(default_factory=SacConfig)
    candidates: int = 8
    """N, of the base's chunks."""
    best: int = 2
    """m, of those that are optimised."""
    ascent_steps: int = 5
    """Steps up the gradient."""
    ascent_rate: float = 0.03
    """Length of each step for a gradient of length 1, in units."""
    steps: int = 1
    """Actions of a chunk that are played before the next choice; 0 takes the base's own."""
    distil_every: int = 0
    """Robot steps between updates of the base; 0 leaves it frozen. A base that is taught is sampled for every update of
    the critics, which takes time."""
    distil_lr: float = 1e-4

    def __post_init__(self) -> None:
        if not 1 <= self.best <= self.candidates or self.ascent_steps < 0 or self.distil_every < 0:
            raise TrainingError(
                f"pa_rl: best is {self.best} of {self.candidates} candidates, ascent_steps {self.ascent_steps}, "
                f"distil_every {self.distil_every}; best must lie in 1..candidates, the others at 0 or above"
            )
        check(self.sac, self.name, self.steps)

    def build(self, parts: Parts) -> PaRl:
        return PaRl(self, parts)


class OptimizingActor(ProposalActor):
    """The best of the base's chunks after a few steps up the critics' gradient.

    Args:
        learner: the base, where it is taught; it then travels with the agent.
    """

    def __init__(
        self, features: Features, scale: ActionScale, config: PaRlConfig, base: Base, learner: ChunkPolicy | None
    ) -> None:
        super().__init__(features, scale, (), base, config.candidates)
        self.config, self.learner = config, learner

    def pool(self, observation: Observation, critics: Critics, generator: Generator | None) -> Tensor:
        """(B, 2 m, D): the m best as they were proposed, and as they became; a step that harms is not taken."""
        features, candidates = self.features(observation), observation[CANDIDATES]
        chosen = best(candidates, mean_values(critics, features, candidates), self.config.best)
        return torch.cat([chosen, self._ascend(features, chosen, critics)], dim=1)

    def next_action(self, observation: Observation, critics: Critics, generator: Generator) -> tuple[Tensor, Tensor]:
        """As acting would choose now: among new chunks of a base that is taught, for those kept with the row are of the
        base that it was then."""
        if self.learner is not None:
            observation = {**observation, CANDIDATES: self.base.candidates(observation, self.count, generator)}
        return super().next_action(observation, critics, generator)

    def _ascend(self, features: Tensor, pool: Tensor, critics: Critics) -> Tensor:
        for _ in range(self.config.ascent_steps):
            with torch.enable_grad():
                free = pool.detach().requires_grad_(True)
                (slope,) = torch.autograd.grad(mean_values(critics, features, free).sum(), free)
            slope = slope / slope.norm(dim=-1, keepdim=True).clamp_min(1e-8)
            pool = (pool + self.config.ascent_rate * slope).clamp(-1.0, 1.0)
        return pool.detach()

    def _network(self, hidden: Sequence[int]) -> Any:
        """None: the critics choose."""
        return nn.Identity()


class PaRl(ActorCritic):
    """Critics of the optimised actions, and a base that may learn them."""

    def __init__(self, config: PaRlConfig, parts: Parts) -> None:
        policy = copy.deepcopy(required(parts.base, config.name))
        free = [p for p in policy.parameters() if p.requires_grad]
        self.options, self.base = config, Base(policy, config.steps)
        learner = _teachable(policy, free) if config.distil_every else None
        scale = ActionScale(parts.spec.action)
        super().__init__(
            config.sac, parts, lambda features: OptimizingActor(features, scale, config, self.base, learner)
        )
        self.span = max(config.sac.n_step, self.base.steps)
        self.distillers = {"base": torch.optim.AdamW(policy.parameters(), lr=config.distil_lr)} if learner else {}

    @property
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        return {**super().optimizers, **self.distillers}

    def update(self, replay: Replay, rng: np.random.Generator) -> dict[str, float]:
        batches = [self.draw(replay, rng) for _ in range(self.config.utd)]
        figures = self.sac.update(batches)
        if self.distillers and self.sac.groups % self.options.distil_every == 0:
            figures["distillation_loss"] = self._distil(batches[-1])
        return figures

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors, document = super().state()
        return tensors | checkpoint.optimizer_state(self.distillers), document

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> None:
        super().restore(tensors, document)
        checkpoint.restore_optimizers(self.distillers, tensors)

    def _distil(self, batch: Batch) -> float:
        """A supervised step of the base to the chosen actions; the chunk's later steps are left open."""
        policy, horizon, size = self.base.policy, self.base.policy.horizon, self.base.scale.size
        with torch.no_grad():
            chosen = self.agent.next_action(batch.observation, self.sac.critics, self.sac.generator)[0]
        chunk = torch.zeros((len(chosen), horizon, size), device=chosen.device)
        chunk[:, : self.base.steps] = self.base.scale.to_physical(chosen.unflatten(1, (self.base.steps, size)))
        mask = torch.zeros((len(chosen), horizon), dtype=torch.bool, device=chosen.device)
        mask[:, : self.base.steps] = True
        loss = policy.loss(
            {**self.base.histories(batch.observation), "action": chunk, "action_mask": mask}, self.sac.generator
        )
        if not torch.isfinite(loss):
            raise TrainingError(f"the base's loss is {loss.item()} after {self.updates} updates; lower distil_lr")
        optimizer = self.distillers["base"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        policy.after_update()
        return loss.item()


def _teachable(policy: ChunkPolicy, free: Sequence[nn.Parameter]) -> ChunkPolicy:
    """The policy, ready to learn with those of its weights that came free, or with all where somebody froze the whole.
    Raises TrainingError."""
    if later := policy.config.future(policy.observation_names):
        raise TrainingError(
            f"pa_rl: a '{policy.config.head.name}' base is trained on what is observed after each action "
            f"({', '.join(later)}), which a chosen action does not tell: it cannot be taught, leave distil_every at 0"
        )
    for parameter in free or policy.parameters():
        parameter.requires_grad_(True)
    return policy
