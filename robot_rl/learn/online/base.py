"""A frozen base policy that improvers sample: chunks in units for histories out of the replay."""

from __future__ import annotations

from typing import cast

import torch
from torch import Generator, Tensor

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.improvers.improver import Observation
from robot_rl.learn.online.observe import BASE
from robot_rl.learn.online.scale import ActionScale
from robot_rl.policies.chunk_policy import ChunkPolicy


class Base:
    """Samples action chunks of a chunk policy. No torch module: its weights are not part of what holds it.

    Args:
        policy: its weights are frozen.
        steps: rows of a chunk that are played, from the first on; 0 takes the policy's `n_action_steps`.

    Raises:
        TrainingError: `steps` is more than the policy's horizon.
    """

    def __init__(self, policy: ChunkPolicy, steps: int = 0) -> None:
        self.policy = policy.eval().requires_grad_(False)
        self.scale = ActionScale(policy.spec.action).to(policy.device)
        self.steps = steps or policy.n_action_steps
        if not 1 <= self.steps <= policy.horizon:
            raise TrainingError(f"steps is {steps}; it must lie in 1..{policy.horizon}, the base policy's horizon")
        self.noise_shape = (policy.horizon, policy.action_space.size)
        """Of the noise that a chunk starts from."""

    @property
    def size(self) -> int:
        """Numbers in the actions played of a chunk, D = steps A."""
        return self.steps * self.scale.size

    @torch.no_grad()
    def chunks(
        self, observation: Observation, noise: Tensor | None = None, generator: Generator | None = None
    ) -> Tensor:
        """The first `steps` actions (B, steps, A) in units for the histories in `observation`.

        Args:
            noise: (B, horizon, A) to start from; drawn by default.
        """
        chunk = self.policy.sample(self.histories(observation), noise, generator)[:, : self.steps]
        return cast(Tensor, self.scale.to_unit(chunk))

    @torch.no_grad()
    def candidates(self, observation: Observation, count: int, generator: Generator | None = None) -> Tensor:
        """`count` independent draws for each observation, (B, count, D) in units."""
        chunk = self.policy.sample(self.histories(observation), None, generator, count)[:, : self.steps]
        return cast(Tensor, self.scale.to_unit(chunk).flatten(1).unflatten(0, (-1, count)))

    def histories(self, observation: Observation) -> dict[str, Tensor]:
        """What the policy looks at, by its own names: (B, n_obs, *shape)."""
        return {n: observation[BASE + n] for n in self.policy.observation_names}

    def require_steerable(self, observation: Observation) -> None:
        """Raise TrainingError unless the same noise gives the same chunk, and other noise another one."""
        shape = (len(next(iter(observation.values()))), *self.noise_shape)
        one = torch.zeros(shape, device=self.policy.device)
        first, again, other = (self.chunks(observation, noise) for noise in (one, one.clone(), one + 1.0))
        kind = self.policy.config.head.name
        if not torch.equal(first, again):
            raise TrainingError(
                f"the base's '{kind}' head draws noise while it samples: its first noise does not decide the chunk. "
                "Use a deterministic sampler (diffusion: sampler: ddim), or a flow head"
            )
        if torch.equal(first, other):
            raise TrainingError(f"the base's '{kind}' head takes no noise: there is nothing to steer. Use a flow head")


def required(policy: ChunkPolicy | None, improver: str) -> ChunkPolicy:
    """The base, which an improver cannot do without. Raises TrainingError."""
    if policy is None:
        raise TrainingError(f"improver '{improver}' needs a base policy")
    return policy
