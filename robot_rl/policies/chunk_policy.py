"""The action-chunk policy on a robot: predicts in numpy from what it senses, one chunk or the best of several, in
agreement with actions under way, or step by step from a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from robot_rl.policies.chunk_module import ChunkModule
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.guidance import Guide, GuidedHead
from robot_rl.policies.heads import ReactiveHead
from robot_rl.policies.normalization import Statistics
from robot_rl.policies.verifier import Candidates, Choice, Verifier
from robot_rl.spec import Layout, Spec, SpecError


class ChunkPolicy(ChunkModule):
    """A policy that proposes `horizon` actions at a time; implements `robot_rl.policies.policy.Policy`.

    For its arguments see `ChunkModule`.
    """

    def __init__(
        self, spec: Spec, inputs: Layout, config: PolicyConfig, statistics: Mapping[str, Statistics] | None = None
    ) -> None:
        super().__init__(spec, inputs, config, statistics)
        self._generator: Generator | None = None
        self.choice = Choice()
        """How many chunks are drawn for an observation, and who chooses."""

    @torch.inference_mode()
    def predict(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """One chunk (horizon, A) in physical units, inside the bounds of `spec.action`; NaN where there is no answer.

        Args:
            observation: for each input an array (n_obs, *shape), oldest first. Of one that is not finite all is NaN.

        Raises:
            SpecError: a field is missing or has another shape.
        """
        batch = self._batch(observation)
        if not _finite(batch):
            return self._no_answer()
        if self.choice.samples == 1:
            best = self.sample(batch, generator=self._generator)[0]
        else:
            best = self._best(batch, lambda context: self._head.sample(context, None, self._generator))
        return self._within_bounds(best)

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
        batch = self._batch(observation)
        if not _finite(batch):
            return self._no_answer()
        target = torch.from_numpy(np.array(committed, dtype=np.float32)).to(self.device)
        row_weights = torch.from_numpy(np.array(weights, dtype=np.float32)).to(self.device)
        guide = Guide(self.learned(target[None], batch), row_weights, frozen)
        best = self._best(batch, lambda context: head.sample_guided(context, guide, generator=self._generator))
        return self._within_bounds(best)

    @property
    def can_react(self) -> bool:
        """Its head plans slowly and reacts fast, so `plan` and `react` work."""
        return isinstance(self.head, ReactiveHead)

    @torch.inference_mode()
    def plan(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """A plan for the next `horizon` steps, in the head's own numbers; `observation` as of `predict`.

        Raises:
            SpecError: a field is missing or has another shape, or the head has no fast path.
        """
        batch = self._batch(observation)
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
        return self._within_bounds(actions[0, -1])

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
        if samples > 1 and getattr(self.config.head, "one_answer", False):
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

    @property
    def _reactive(self) -> ReactiveHead:
        if not isinstance(self.head, ReactiveHead):
            raise SpecError(f"head '{self.config.head.name}' has no fast path: use another execution")
        return self.head

    def _no_answer(self) -> NDArray[np.float64]:
        """A chunk (horizon, A) that the safety envelope refuses."""
        return np.full((self.horizon, self.spec.action.size), np.nan)

    def _within_bounds(self, actions: Tensor) -> NDArray[np.float64]:
        """Actions (..., A) for the robot. A number that is not finite becomes NaN, which no bound makes a command."""
        values = actions.double().cpu().numpy()
        return np.clip(np.where(np.isfinite(values), values, np.nan), self.spec.action.low, self.spec.action.high)

    def _batch(self, observation: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
        """One observation as a batch. Raises SpecError where a field is missing or has another shape."""
        return {name: self._to_tensor(name, observation) for name in self.observation_names}

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
        value = np.require(value, requirements="W") if field.is_image else value.astype(np.float32)
        return torch.from_numpy(value).to(self.device)[None]


def _finite(batch: Mapping[str, Tensor]) -> bool:
    """Every number that is to be looked at is finite: a head that draws among answers could not draw from NaN."""
    return all(bool(v.isfinite().all()) for v in batch.values() if v.is_floating_point())
