"""A frozen base policy that improvers sample: chunks in units for histories out of the replay."""

from __future__ import annotations

from typing import cast

import torch
from torch import Generator, Tensor, nn

from robot_rl.learn.online.improvers.improver import Observation
from robot_rl.learn.online.observe import BASE
from robot_rl.learn.online.scale import ActionScale
from robot_rl.policies.chunk_policy import ChunkPolicy


class Base(nn.Module):
    """Samples action chunks of a chunk policy.

    Args:
        policy: its weights are frozen.
        steps: rows of a chunk that are played, from the first on; None takes the policy's `n_action_steps`.
    """

    def __init__(self, policy: ChunkPolicy, steps: int | None = None) -> None:
        super().__init__()
        self.policy = policy.eval().requires_grad_(False)
        self.scale = ActionScale(policy.spec.action)
        self.steps = policy.n_action_steps if steps is None else steps
        self.noise_shape = (policy.horizon, policy.spec.action.size)
        """Of the noise that a chunk starts from."""

    @torch.no_grad()
    def chunks(
        self, observation: Observation, noise: Tensor | None = None, generator: Generator | None = None
    ) -> Tensor:
        """The first `steps` actions (B, steps, A) in units for the histories in `observation`.

        Args:
            noise: (B, horizon, A) to start from; drawn by default.
        """
        histories = {n: observation[BASE + n] for n in self.policy.observation_names}
        chunk = self.policy.sample(histories, noise, generator)[:, : self.steps]
        return cast(Tensor, self.scale.to_unit(chunk))
