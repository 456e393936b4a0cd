"""Choosing one of several chunks that a policy proposes for the same observation (test-time scaling).

A verifier scores candidates; the policy plays the best. It may count how often the like was seen in training
(`verifier_counts`), or ask a critic (`CriticVerifier`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

Critic = Callable[[Mapping[str, Tensor], Tensor], Tensor]
"""Observation histories (1, n_obs, ...) by name and chunks (K, H, A) of commands in physical units to values (K,)."""


@dataclass(frozen=True)
class Candidates:
    """Chunks proposed for one observation."""

    observation: Mapping[str, Tensor]
    """Each input's history (1, n_obs, *shape)."""
    context: Tensor  # (1, C): what the policy's encoder made of it
    learned: Tensor  # (K, H, E): the chunks in the head's normalised units
    commands: Tensor  # (K, H, A): the same in physical units


class Verifier(Protocol):
    """Scores candidates; the highest is played."""

    def scores(self, candidates: Candidates) -> Tensor:
        """One number for each candidate, (K,)."""
        ...


@dataclass(frozen=True)
class CriticVerifier:
    """A critic as a verifier: the chunk of greatest value is played."""

    critic: Critic

    def scores(self, candidates: Candidates) -> Tensor:
        """The critic's values (K,)."""
        return self.critic(candidates.observation, candidates.commands)


@dataclass(frozen=True)
class Choice:
    """How many chunks a policy draws for an observation, and who chooses among them."""

    samples: int = 1
    verifier: Verifier | None = None

    def best(self, candidates: Candidates) -> Tensor:
        """The commands (H, A) of greatest score. Not a number where a score is none: a robot must not move by chance.

        Raises:
            ValueError: there are several candidates and no verifier.
        """
        if len(candidates.commands) == 1:
            return candidates.commands[0]
        if self.verifier is None:
            raise ValueError(f"there are {len(candidates.commands)} candidates, and no verifier to choose among them")
        scores = self.verifier.scores(candidates)
        best = candidates.commands[int(scores.argmax())]
        return best if bool(torch.isfinite(scores).all()) else torch.full_like(best, torch.nan)
