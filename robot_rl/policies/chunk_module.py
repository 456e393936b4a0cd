"""Encoder, head and normalisers in one module, tensors in and tensors out: what trains, and what is sampled from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import cast

import torch
from torch import Generator, Tensor, nn

from robot_rl.policies.action_space import ActionSpace
from robot_rl.policies.auxiliary import Later, TargetEncoder
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import ObservationEncoder
from robot_rl.policies.heads import Head
from robot_rl.policies.normalization import MIN_SPREAD, Normalizer, Statistics
from robot_rl.spec import Layout, Spec, SpecError


def action_space(spec: Spec, inputs: Layout, config: PolicyConfig) -> ActionSpace:
    """How a policy of this configuration represents actions. Raises SpecError where it cannot."""
    return ActionSpace(spec, inputs, config.action_representation, config.action_reference)


class ChunkModule(nn.Module):
    """Chunks of `horizon` actions from histories of observations; `ChunkPolicy` plays them on a robot.

    Args:
        spec: the robot it is for.
        inputs: the fields it looks at: of `spec.observation`, and one image field for each camera.
        statistics: for every vector field of `inputs` and for "action" (the learned rows of `action_space`).
            None leaves the identity, to be filled by loading weights.

    Raises:
        SpecError: an action cannot be represented as the configuration says.
    """

    def __init__(
        self, spec: Spec, inputs: Layout, config: PolicyConfig, statistics: Mapping[str, Statistics] | None = None
    ) -> None:
        super().__init__()
        self.spec, self.inputs = spec, inputs
        self.observation_names = tuple(inputs)
        self.n_obs, self.horizon, self.n_action_steps = config.n_obs, config.horizon, config.n_action_steps
        goal = tuple(f for n, f in inputs.items() if n in config.goal)
        rest = tuple(f for n, f in inputs.items() if n not in config.goal)
        self.encoder = ObservationEncoder(Layout(rest), config.n_obs, config.encoder)
        self.goal_encoder = self._goal_encoder(Layout(goal), Layout(rest), config) if goal else None
        seeing = self.encoder if self.encoder.images or self.goal_encoder is None else self.goal_encoder
        described = dataclasses.replace(seeing.config, state_dropout=config.encoder.state_dropout)
        self.config = dataclasses.replace(config, encoder=described)
        goal_size = config.encoder.width if goal else 0
        context_size = self.encoder.width + goal_size
        self.action_space = action_space(spec, inputs, config)
        extra = {"fast_size": self._fast_size()} if self.fast_names else {}
        if getattr(config.head, "needs_latents", False):
            extra["latent_size"] = self.encoder.width
        self.head = config.head.build(self.action_space.size, config.horizon, context_size, goal_size, **extra)
        self.action_normalizer = Normalizer(self.action_space.size)
        self.later = self._later(config, context_size)
        if statistics is not None:
            self.encoder.fit(statistics)
            if self.goal_encoder is not None:
                self.goal_encoder.fit(statistics)
            # A sampler's error in a rotation column that never varied in the data must not be of the size of 1.
            constant = 1.0 if self.action_space.plain else MIN_SPREAD / 2
            mode = config.action_normalization
            self.action_normalizer.fit(statistics["action"], mode, constant, rare_by_range=True)
            if self.later is not None:
                self.later.target.follow(self.encoder, all_the_way=True)

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return cast(Tensor, self.action_normalizer.scale).device

    @property
    def fast_names(self) -> tuple[str, ...]:
        """The fields that its head reacts to."""
        return self.config.fast

    def loss(self, batch: Mapping[str, Tensor], generator: Generator | None = None) -> Tensor:
        """Training loss, a scalar.

        Args:
            batch: each input (B, n_obs, ...), "action" (B, horizon, A) in physical units and "action_mask"
                (B, horizon) bool, false on padded steps, which enter neither the loss nor its gradient; for a head
                with a fast path also "future.<name>" (B, horizon, ...) of each of `fast_names`. "action_known" (B,)
                bool, if there, is false where nothing is known of the chunk and observations alone are learned from.
        """
        chunk = self.learned(batch["action"], batch)
        mask, context, known = batch["action_mask"], self.context(batch, generator), batch.get("action_known")
        extra = self._fast({n: batch[f"future.{n}"] for n in self.fast_names})
        acted = mask if known is None else mask & known[:, None]
        if self.later is None:
            return self._head.loss(chunk, acted, context, generator, **extra)
        latents = self.later.latents(batch)
        if self.later.joint:
            extra |= {"latents": latents[:, -1], "known": known}
        loss = self._head.loss(chunk, acted, context, generator, **extra)
        return loss + self.later.weight * self.later.loss(context, latents, mask) if self.later.weight else loss

    def pretrained(self) -> list[nn.Parameter]:
        """Weights that training begins with and that may change."""
        encoders = (self.encoder, self.goal_encoder)
        return [p for e in encoders if e is not None for p in e.pretrained()]

    def after_update(self) -> None:
        """What follows a step of the optimiser: the target encoder, where there is one, moves towards the encoder."""
        if self.later is not None:
            self.later.target.follow(self.encoder)

    def sample(
        self,
        observation: Mapping[str, Tensor],
        noise: Tensor | None = None,
        generator: Generator | None = None,
        count: int = 1,
    ) -> Tensor:
        """Chunks (B count, horizon, A) in physical units, not clipped, for histories (B, n_obs, ...): `count` of each,
        one after the other, encoded once. A head with a fast path is told that what it senses stays as it is."""
        context = self.context(observation).repeat_interleave(count, dim=0)
        needed = {*self.fast_names, *self.action_space.references}
        seen = {n: observation[n].repeat_interleave(count, dim=0) for n in needed}
        newest = {n: seen[n][:, -1:] for n in self.fast_names}
        fast = self._fast({n: v.expand(-1, self.horizon, *v.shape[2:]) for n, v in newest.items()})
        return self.commands(self._head.sample(context, noise, generator, **fast), seen)

    def encode(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """What its head is told of a batch (as of `loss`): contexts (B, C) and normalised chunks (B, horizon, E)."""
        return self.context(batch), self.learned(batch["action"], batch)

    def learned(self, commands: Tensor, observation: Mapping[str, Tensor]) -> Tensor:
        """Commands (B, horizon, A) as the head sees them: represented and normalised, (B, horizon, learned size)."""
        out: Tensor = self.action_normalizer(self.action_space.encode(commands, observation))
        return out

    def commands(self, chunk: Tensor, observation: Mapping[str, Tensor]) -> Tensor:
        """What the head gives as commands (B, horizon, A) for the newest of these observations."""
        return self.action_space.decode(self.action_normalizer.inverse(chunk), observation)

    def context(self, observation: Mapping[str, Tensor], generator: Generator | None = None) -> Tensor:
        """(B, C), in training augmented; the goal's columns, if any, are the last."""
        context: Tensor = self.encoder(observation, generator)
        if self.goal_encoder is None:
            return context
        return torch.cat([context, self.goal_encoder(observation, generator)], dim=1)

    def _fast(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The fast fields (B, T, ...) as a head takes them: {"fast": (B, T, F)}, normalised as the encoder does."""
        if not self.fast_names:
            return {}
        return {"fast": torch.cat([self.encoder.vectors[n](values[n]) for n in self.fast_names], dim=-1)}

    def _goal_encoder(self, goal: Layout, rest: Layout, config: PolicyConfig) -> ObservationEncoder:
        """Never left without what it sees. Where the state is hidden at times, so is how the goal lies from it."""
        told = dataclasses.replace(config.encoder, state_dropout=0.0)
        return ObservationEncoder(goal, config.n_obs, told, None if config.encoder.state_dropout else rest)

    def _later(self, config: PolicyConfig, context_size: int) -> Later | None:
        """What is learned from later observations; None where nothing is."""
        joint = bool(getattr(config.head, "needs_latents", False))
        if not joint and not config.auxiliary.latents:
            return None
        names = tuple(n for n in self.inputs if n not in config.goal)
        momentum = float(getattr(config.head, "momentum", config.auxiliary.momentum))
        if joint and config.auxiliary.latents and config.auxiliary.momentum != momentum:
            raise ValueError(
                f"auxiliary: momentum is {config.auxiliary.momentum}, that of the {config.head.name} head {momentum}; "
                "there is one encoder of later observations: set both alike"
            )
        target = TargetEncoder(self.encoder, names, config.n_obs, momentum)
        return Later(target, config.horizon, context_size, config.auxiliary, joint)

    def _fast_size(self) -> int:
        """F. Raises SpecError where a fast field is not a vector that the policy sees."""
        for name in self.fast_names:
            if name not in self.encoder.vectors:
                raise SpecError(
                    f"fast field '{name}' is no vector the policy sees; there are {', '.join(self.encoder.vectors)}"
                )
        return sum(int(self.encoder.vectors[n].size) for n in self.fast_names)

    @property
    def _head(self) -> Head:
        return cast(Head, self.head)
