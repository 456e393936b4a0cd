"""What a policy with a joint head can be asked beside what to do, in physical units."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Generator, Tensor

from robot_rl.policies.auxiliary import Later
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.joint import JointHead
from robot_rl.spec import SpecError


def latents_after(
    policy: ChunkPolicy, observation: Mapping[str, Tensor], commands: Tensor, generator: Generator | None = None
) -> Tensor:
    """Forward dynamics: the latents (B, Z) observed at the end of chunks of commands (B, horizon, A).

    Args:
        observation: histories (B, n_obs, ...), from which the chunks begin.

    Raises:
        SpecError: the policy has another head.
    """
    head, _ = _parts(policy)
    return head.latents_after(policy.context(observation), policy.learned(commands, observation), generator)


def commands_towards(
    policy: ChunkPolicy,
    observation: Mapping[str, Tensor],
    later: Mapping[str, Tensor],
    generator: Generator | None = None,
) -> Tensor:
    """Inverse dynamics: chunks of commands (B, horizon, A) that lead from `observation` to `later`.

    Args:
        observation, later: histories (B, n_obs, ...); `later` ends where the chunk does.

    Raises:
        SpecError: the policy has another head.
    """
    head, known = _parts(policy)
    chunk = head.chunk_towards(policy.context(observation), known.target.encode(later), generator)
    return policy.commands(chunk, observation)


def _parts(policy: ChunkPolicy) -> tuple[JointHead, Later]:
    if not isinstance(policy.head, JointHead) or policy.later is None:
        raise SpecError(f"head '{policy.config.head.name}' knows no dynamics: train one with head joint")
    return policy.head, policy.later
