"""The action-chunk policy: encoder, head and normalisers in one module that trains, and predicts in numpy."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from robot_rl.policies.action_space import ActionSpace
from robot_rl.policies.auxiliary import Later, TargetEncoder
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import ObservationEncoder
from robot_rl.policies.guidance import Guide, GuidedHead
from robot_rl.policies.heads import Head, ReactiveHead
from robot_rl.policies.normalization import MIN_SPREAD, Normalizer, Statistics
from robot_rl.policies.verifier import Candidates, Choice, Verifier
from robot_rl.spec import Layout, Spec, SpecError

SINGLE = ("slow_fast",)
"""Heads whose chunks are no choice of their own: the fast path makes each action."""


def action_space(spec: Spec, inputs: Layout, config: PolicyConfig) -> ActionSpace:
    """How a policy of this configuration represents actions. Raises SpecError where it cannot."""
    return ActionSpace(spec, inputs, config.action_representation, config.action_reference)


class ChunkPolicy(nn.Module):
    """A policy that proposes `horizon` actions at a time; implements `robot_rl.policies.policy.Policy`.

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
        told = dataclasses.replace(config.encoder, state_dropout=0.0)
        self.goal_encoder = ObservationEncoder(Layout(goal), config.n_obs, told) if goal else None
        self.config = dataclasses.replace(config, encoder=self.encoder.config)
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
            self.action_normalizer.fit(statistics["action"], config.action_normalization, constant)
            if self.later is not None:
                self.later.target.follow(self.encoder, all_the_way=True)
        self._generator: Generator | None = None
        self.choice = Choice()
        """How many chunks are drawn for an observation, and who chooses."""

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return cast(Tensor, self.action_normalizer.scale).device

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

    @torch.inference_mode()
    def predict(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """One chunk (horizon, A) in physical units, inside the bounds of `spec.action`.

        Args:
            observation: for each input an array (n_obs, *shape), oldest first.

        Raises:
            SpecError: a field is missing or has another shape.
        """
        batch = {name: self._to_tensor(name, observation) for name in self.observation_names}
        if self.choice.samples == 1:
            best = self.sample(batch, generator=self._generator)[0]
        else:
            best = self._best(batch, lambda context: self._head.sample(context, None, self._generator))
        chunk = best.double().cpu().numpy()
        return np.clip(chunk, self.spec.action.low, self.spec.action.high)

    @property
    def can_continue(self) -> bool:
        """Its head can make a chunk agree with committed actions, so `predict_onto` works."""
        return isinstance(self.head, GuidedHead)

    @torch.no_grad()
    def predict_onto(
        self,
        observation: Mapping[str, NDArray[Any]],
        committed: NDArray[np.float64],
        weights: NDArray[np.float64],
        frozen: int,
    ) -> NDArray[np.float64]:
        """One chunk (horizon, A) as `predict`, in agreement with actions that are already committed.

        Args:
            committed: (horizon, A) in physical units; rows of weight 0 are not looked at.
            weights: (horizon,) in [0, 1], how much each row is to agree.
            frozen: rows at the start that are reproduced.

        Raises:
            SpecError: a field is missing or has another shape, or the head cannot do it.
        """
        head = self.head
        if not isinstance(head, GuidedHead):
            raise SpecError(f"head '{self.config.head.name}' cannot continue committed actions: use another execution")
        batch = {name: self._to_tensor(name, observation) for name in self.observation_names}
        target = torch.from_numpy(np.array(committed, dtype=np.float32)).to(self.device)
        row_weights = torch.from_numpy(np.array(weights, dtype=np.float32)).to(self.device)
        guide = Guide(self.learned(target[None], batch), row_weights, frozen)
        best = self._best(batch, lambda context: head.sample_guided(context, guide, generator=self._generator))
        chunk = best.double().cpu().numpy()
        return np.clip(chunk, self.spec.action.low, self.spec.action.high)

    @property
    def can_react(self) -> bool:
        """Its head plans slowly and reacts fast, so `plan` and `react` work."""
        return isinstance(self.head, ReactiveHead)

    @property
    def fast_names(self) -> tuple[str, ...]:
        """The fields that its head reacts to."""
        return self.config.fast

    @torch.inference_mode()
    def plan(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """A plan for the next `horizon` steps, in the head's own numbers; `observation` as of `predict`.

        Raises:
            SpecError: a field is missing or has another shape, or the head has no fast path.
        """
        batch = {name: self._to_tensor(name, observation) for name in self.observation_names}
        latent = self._reactive.plan(self.context(batch), self._generator)
        out: NDArray[np.float64] = latent[0].double().cpu().numpy()
        return out

    @torch.inference_mode()
    def react(
        self,
        plan: NDArray[np.float64],
        row: int,
        fast: Mapping[str, NDArray[Any]],
        observation: Mapping[str, NDArray[Any]],
    ) -> NDArray[np.float64]:
        """The action (A,) of step `row` of a plan, in physical units and inside the bounds of `spec.action`.

        Args:
            fast: for each of `fast_names` an array (row + 1, *shape), sensed from the plan's first step to this one.
            observation: what the plan was made from.

        Raises:
            SpecError: the head has no fast path.
        """
        references = {n: self._to_tensor(n, observation) for n in self.action_space.references}
        readings = {n: torch.from_numpy(fast[n].astype(np.float32)).to(self.device)[None] for n in self.fast_names}
        sensed = self._fast(readings).get("fast", torch.zeros(1, row + 1, 0, device=self.device))
        latent = torch.from_numpy(plan.astype(np.float32)).to(self.device)[None]
        actions = self.commands(self._reactive.react(latent, sensed), references)
        return np.clip(actions[0, -1].double().cpu().numpy(), self.spec.action.low, self.spec.action.high)

    def encode(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """What its head is told of a batch (as of `loss`): contexts (B, C) and normalised chunks (B, horizon, E)."""
        return self.context(batch), self.learned(batch["action"], batch)

    def verify_with(self, verifier: Verifier | None) -> None:
        """Let `verifier` choose where several chunks are drawn; it is no part of the policy's weights."""
        self.choice = Choice(1, verifier)

    def choose_among(self, samples: int) -> None:
        """Draw that many chunks for each observation from now on, in one batch, and play the best; 1 plays what comes.

        Raises:
            SpecError: it has no verifier, or its head cannot draw several.
        """
        if samples < 1:
            raise SpecError(f"samples is {samples}; it must be at least 1")
        if samples > 1 and self.choice.verifier is None:
            raise SpecError(
                f"samples is {samples}, and the policy has no verifier to choose among them: train one with "
                "`robot-rl verifier --checkpoint NAME`, or set samples to 1"
            )
        if samples > 1 and self.config.head.name in SINGLE:
            raise SpecError(f"samples is {samples}; head '{self.config.head.name}' has one answer: set samples to 1")
        self.choice = Choice(samples, self.choice.verifier)

    def reset(self, seed: int | None = None) -> None:
        """Begin an episode; with a seed the chunks that follow are reproducible."""
        self._generator = None if seed is None else Generator(self.device).manual_seed(seed)

    def _best(self, observation: Mapping[str, Tensor], draw: Callable[[Tensor], Tensor]) -> Tensor:
        """The chosen one (horizon, A) of the chunks drawn for one observation, which is encoded once."""
        context = self.context(observation)
        learned = draw(context.expand(self.choice.samples, -1))
        return self.choice.best(Candidates(observation, context, learned, self.commands(learned, observation)))

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

    def _later(self, config: PolicyConfig, context_size: int) -> Later | None:
        """What is learned from later observations; None where nothing is."""
        joint = bool(getattr(config.head, "needs_latents", False))
        if not joint and not config.auxiliary.latents:
            return None
        names = tuple(n for n in self.inputs if n not in config.goal)
        momentum = getattr(config.head, "momentum", config.auxiliary.momentum)
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
    def _reactive(self) -> ReactiveHead:
        if not isinstance(self.head, ReactiveHead):
            raise SpecError(f"head '{self.config.head.name}' has no fast path: use another execution")
        return self.head

    @property
    def _head(self) -> Head:
        return cast(Head, self.head)

    def _to_tensor(self, name: str, observation: Mapping[str, NDArray[Any]]) -> Tensor:
        field = self.inputs[name]
        if name not in observation:
            raise SpecError(f"observation '{name}' is missing; the policy needs {', '.join(self.observation_names)}")
        value = np.asarray(observation[name])
        if value.shape != (self.n_obs, *field.shape):
            raise SpecError(
                f"observation '{name}': got shape {value.shape}, the policy takes {(self.n_obs, *field.shape)}"
            )
        if field.is_image and value.dtype != np.uint8:
            raise SpecError(f"observation '{name}': got {value.dtype} pixels, the policy takes uint8 RGB in 0..255")
        value = value if field.is_image else value.astype(np.float32)
        return torch.from_numpy(value).to(self.device)[None]
