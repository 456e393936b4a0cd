"""What a policy learns to predict: actions as they are, as changes from one to the next, or from where the robot was.

`encode` turns a chunk of commands into the numbers that a head learns, `decode` turns them back. Both need the
reference: what the robot measured when the chunk began, at the newest observation (row n_obs - 1 of a history). A chunk
is decoded once, by the policy that predicted it and with the observation it was asked with; executors see commands.

- absolute: the command itself.
- relative: row k to the reference (as UMI, Chi et al. 2024): a pose in the frame of the measured pose, a joint's
  position less the measured one.
- delta: row k to row k - 1, and row 0 to the reference.

Poses are regressed as position and two rotation columns, so a pose of 7 numbers takes 9; headings (fields that `wraps`)
as cosines and sines, so n of them take 2 n. A heading is always absolute.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robot_rl.policies.action_space_poses import COLUMNS, align_signs, compose, from_columns, relative, to_columns
from robot_rl.policies.headings import from_circle, to_circle
from robot_rl.spec import Field, Layout, Spec, SpecError
from robot_rl.workspace import did_you_mean

log = logging.getLogger(__name__)

Representation = Literal["absolute", "delta", "relative"]
REPRESENTATIONS: tuple[str, ...] = get_args(Representation)
CONVERTIBLE = ("pose", "joint_position")
"""Kinds of action that can be given relative to where the robot is; the others are velocities, efforts or plain."""
LARGEST_SAMPLE = 200_000
"""Windows that statistics are taken over; of more, as many evenly spaced ones."""


@dataclass(frozen=True)
class ActionField:
    """How one field of the action is learned."""

    name: str
    pose: bool
    wraps: bool
    representation: Representation
    reference: str
    """Observation that tells where the robot is; empty where it is not needed."""
    commands: slice
    """Its place in the flat action vector."""
    learned: slice
    """Its place among the numbers that a head learns."""


class ActionSpace:
    """The pair `encode` and `decode` for the actions of one robot.

    Args:
        inputs: the observations that the policy looks at; references are among them.
        representation: one for every pose and joint position (other kinds stay absolute), or one for each action
            field by name (those not named stay absolute).
        references: for an action field, the observation that tells where the robot is. By default the one of the
            same kind and size, where there is only one.

    Raises:
        SpecError: a field cannot be represented so, or no observation, or more than one, tells where the robot is.
    """

    def __init__(
        self,
        spec: Spec,
        inputs: Layout,
        representation: Representation | Mapping[str, Representation] = "absolute",
        references: Mapping[str, str] | None = None,
    ) -> None:
        chosen = _chosen(spec.action, representation)
        references = dict(references or {})
        for name in references:
            if name not in chosen:
                raise SpecError(f"action_reference: no action '{name}'.{did_you_mean(name, chosen)}")
        fields, start = [], 0
        for f in spec.action.vectors:
            size = COLUMNS if f.kind == "pose" else 2 * f.size if f.wraps else f.size
            needed = chosen[f.name] != "absolute"
            reference = _reference(f, inputs, references.get(f.name)) if needed or f.name in references else ""
            fields.append(
                ActionField(
                    name=f.name,
                    pose=f.kind == "pose",
                    wraps=f.wraps,
                    representation=chosen[f.name],
                    reference=reference,
                    commands=spec.action.slices[f.name],
                    learned=slice(start, start + size),
                )
            )
            start += size
        self.fields = tuple(fields)
        self.size = start
        """Numbers that a head learns for each action."""
        self.plain = all(f.representation == "absolute" and not f.pose and not f.wraps for f in fields)
        """Learned as they are: encode and decode change nothing."""

    @property
    def references(self) -> tuple[str, ...]:
        """The observations that encode and decode look at."""
        return tuple(dict.fromkeys(f.reference for f in self.fields if f.reference))

    def encode(self, chunk: Tensor, observation: Mapping[str, Tensor]) -> Tensor:
        """Commands (B, H, A) to what is learned (B, H, size).

        Args:
            observation: each reference's history (B, n_obs, n), of which the newest counts.
        """
        if self.plain:
            return chunk
        return torch.cat([_encode(f, chunk[..., f.commands], observation) for f in self.fields], dim=-1)

    def decode(self, learned: Tensor, observation: Mapping[str, Tensor]) -> Tensor:
        """What was learned (B, H, size) to commands (B, H, A), with the observation that the chunk was asked with.

        Quaternions have the sign nearest to the reference, or to the row before; without a reference the first has a
        scalar part of at least 0. Headings lie in [-pi, pi].
        """
        if self.plain:
            return learned
        return torch.cat([_decode(f, learned[..., f.learned], observation) for f in self.fields], dim=-1)

    def learned_rows(
        self, actions: NDArray[np.float64], mask: NDArray[np.bool_], observation: Mapping[str, NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """What is learned of every action that is real: (N, size), from chunks (B, H, A) of mask (B, H) and references
        (B, n_obs, n). Statistics are taken over these rows, never over padded steps."""
        tensors = {n: torch.from_numpy(np.asarray(observation[n], np.float64)) for n in self.references}
        encoded: NDArray[np.float64] = self.encode(torch.from_numpy(actions), tensors).numpy()[mask]
        return encoded


def sampled_windows(count: int) -> NDArray[np.int64]:
    """Which of `count` windows statistics are taken over."""
    if count <= LARGEST_SAMPLE:
        return np.arange(count)
    return np.linspace(0, count - 1, LARGEST_SAMPLE).astype(np.int64)


def _encode(f: ActionField, x: Tensor, observation: Mapping[str, Tensor]) -> Tensor:
    if f.representation != "absolute":
        base = observation[f.reference][:, -1:].to(x.dtype)
        before = base if f.representation == "relative" else torch.cat([base, x[:, :-1]], dim=1)
        x = relative(before, x) if f.pose else x - before
    if f.wraps:
        return to_circle(x)
    return to_columns(x) if f.pose else x


def _decode(f: ActionField, x: Tensor, observation: Mapping[str, Tensor]) -> Tensor:
    if f.wraps:
        return from_circle(x)
    base = observation[f.reference][:, -1:].to(x.dtype) if f.reference else None
    if not f.pose:
        if base is None or f.representation == "absolute":
            return x
        return base + (x if f.representation == "relative" else x.cumsum(dim=1))
    pose = from_columns(x)
    if base is not None and f.representation == "relative":
        pose = compose(base, pose)
    if base is not None and f.representation == "delta":
        rows = [base[:, 0]]
        for k in range(pose.shape[1]):
            rows.append(_unit(compose(rows[-1], pose[:, k])))
        pose = torch.stack(rows[1:], dim=1)
    start = pose.new_tensor([[0.0, 0.0, 0.0, 1.0]]) if base is None else base[:, 0, 3:]
    return torch.cat([pose[..., :3], align_signs(pose[..., 3:], start.expand(len(pose), 4))], dim=-1)


def _unit(pose: Tensor) -> Tensor:
    """Rounding errors of a chain of rotations taken out."""
    q = pose[..., 3:]
    return torch.cat([pose[..., :3], q / q.norm(dim=-1, keepdim=True)], dim=-1)


def _chosen(action: Layout, representation: Representation | Mapping[str, Representation]) -> dict[str, Representation]:
    """The representation of each action field."""
    kinds = {f.name: f.kind for f in action.vectors}
    if not isinstance(representation, str):
        for name, word in representation.items():
            if name not in kinds:
                raise SpecError(f"action_representation: no action '{name}'.{did_you_mean(name, kinds)}")
            if word != "absolute" and kinds[name] not in CONVERTIBLE:
                raise SpecError(
                    f"action '{name}' is a {kinds[name]} and stays absolute: only poses and joint positions can be "
                    f"learned as '{word}'"
                )
        return {name: representation.get(name, "absolute") for name in kinds}
    if representation != "absolute" and not any(k in CONVERTIBLE for k in kinds.values()):
        told = ", ".join(f"'{n}' is a {k}" for n, k in kinds.items())
        raise SpecError(
            f"action_representation is '{representation}', but only poses and joint positions can be learned so, and "
            f"{told}: set it to absolute"
        )
    if representation != "absolute" and (kept := [n for n, k in kinds.items() if k not in CONVERTIBLE]):
        log.info("learned as absolute, being neither poses nor joint positions: %s", ", ".join(kept))
    return {n: representation if k in CONVERTIBLE else "absolute" for n, k in kinds.items()}


def _reference(action: Field, inputs: Layout, named: str | None) -> str:
    """The observation that an action field is relative to."""
    fitting = [f.name for f in inputs.vectors if f.kind == action.kind and f.shape == action.shape]
    if named is not None:
        if named not in fitting:
            raise SpecError(
                f"action_reference: '{named}' cannot tell where action '{action.name}' starts: a {action.kind} of "
                f"shape {action.shape} among the policy's observations is needed; there are {fitting or 'none'}"
            )
        name = named
    elif len(fitting) == 1:
        name = fitting[0]
    else:
        raise SpecError(
            f"action '{action.name}' needs one observation that tells where the robot is, a {action.kind} of shape "
            f"{action.shape}; there are {fitting or 'none'}: name it in action_reference"
        )
    if inputs[name].frame != action.frame or inputs[name].unit != action.unit:
        raise SpecError(
            f"action '{action.name}' is in frame '{action.frame}' and unit '{action.unit}', and its reference '{name}' "
            f"in '{inputs[name].frame}' and '{inputs[name].unit}': the difference would mean nothing"
        )
    return name
