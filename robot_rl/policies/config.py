"""The configuration of a chunk policy, apart from its weights; JSON-ready both ways."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any

from tyro.conf import AvoidSubcommands

from robot_rl.policies.act import ActConfig
from robot_rl.policies.action_space import REPRESENTATIONS, Representation
from robot_rl.policies.auxiliary import AuxiliaryConfig
from robot_rl.policies.carp import CarpConfig
from robot_rl.policies.diffusion import DiffusionConfig
from robot_rl.policies.edm import EdmConfig
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.flow import FlowConfig
from robot_rl.policies.gaussian import GaussianConfig
from robot_rl.policies.gmm_rnn import GmmRnnConfig
from robot_rl.policies.heads import head_config, head_dict
from robot_rl.policies.joint import JointConfig
from robot_rl.policies.meanflow import MeanFlowConfig
from robot_rl.policies.normalization import Normalization
from robot_rl.policies.slow_fast import SlowFastConfig
from robot_rl.settings.typed import fill
from robot_rl.workspace import did_you_mean

AnyHead = (
    FlowConfig
    | DiffusionConfig
    | MeanFlowConfig
    | EdmConfig
    | ActConfig
    | GaussianConfig
    | GmmRnnConfig
    | CarpConfig
    | SlowFastConfig
    | JointConfig
)
"""Heads that a recipe and the command line know. A recipe's `head: {name: ...}` chooses one, --policy.head.name
another; the command line changes that one's options (--policy.head.width)."""


@dataclass(frozen=True)
class PolicyConfig:
    """What a chunk policy looks at, how far it plans, and with which networks."""

    observation: tuple[str, ...] = ()
    """Fields and cameras it looks at; empty stands for every vector field of the spec."""
    goal: tuple[str, ...] = ()
    """Those of `observation` that tell the goal: encoded apart, so that a head can do without (edm's guidance)."""
    n_obs: int = 2
    """Newest observations it sees."""
    horizon: int = 16
    """Actions in a chunk; row 0 is for the newest observation."""
    n_action_steps: int = 8
    """Actions of a chunk that are executed before the next is asked for."""
    action_representation: Representation | dict[str, Representation] = "absolute"
    """How actions are learned: as they are, `relative` to the measured pose or joints when the chunk begins (UMI), or
    as `delta` from one to the next. A word counts for all poses and joint positions, or name action fields one by one;
    velocities and plain numbers stay absolute."""
    action_reference: dict[str, str] = field(default_factory=dict)
    """For an action field, the observation that says where the robot is; by default the only one of its kind."""
    action_normalization: Normalization = "range"
    """Scaling of actions, in the representation that is learned."""
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    head: Annotated[AnyHead, AvoidSubcommands] = field(default_factory=FlowConfig)
    auxiliary: AuxiliaryConfig = field(default_factory=AuxiliaryConfig)

    def __post_init__(self) -> None:
        if self.n_obs < 1 or self.horizon < 1:
            raise ValueError(f"n_obs is {self.n_obs} and horizon {self.horizon}; both must be at least 1")
        if not 1 <= self.n_action_steps <= self.horizon:
            raise ValueError(f"n_action_steps is {self.n_action_steps}; it must lie in 1..{self.horizon} (the horizon)")
        words = self.action_representation
        for word in (words,) if isinstance(words, str) else words.values():
            if word not in REPRESENTATIONS:
                raise ValueError(
                    f"action_representation '{word}' is none of {', '.join(REPRESENTATIONS)}."
                    f"{did_you_mean(word, REPRESENTATIONS)}"
                )
        for name in self.goal:
            if name not in self.observation:
                raise ValueError(f"goal field '{name}' is not in observation.{did_you_mean(name, self.observation)}")
        for name in self.fast:
            if name in self.goal:
                raise ValueError(f"fast field '{name}' is a goal; the decoder reacts to what is sensed")
            if self.observation and name not in self.observation:
                raise ValueError(f"fast field '{name}' is not in observation.{did_you_mean(name, self.observation)}")
        if self.goal and len(set(self.goal)) == len(self.observation):
            raise ValueError("every observation is a goal; a policy must also see where it is")
        if getattr(self.head, "bounded", False) and self.action_normalization != "range":
            raise ValueError(
                f"the {self.head.name} head clips chunks in normalised units, which truncates actions normalised by "
                f"'{self.action_normalization}': set action_normalization: range, or head.clip: 0"
            )

    @property
    def fast(self) -> tuple[str, ...]:
        """Fields that the head also sees at each step of the chunk."""
        return tuple(getattr(self.head, "fast", ()))

    @property
    def learns_from_observations(self) -> bool:
        """Its training also asks what is observed later, which episodes without actions can tell."""
        return bool(self.auxiliary.latents or getattr(self.head, "needs_latents", False))

    def future(self, inputs: Iterable[str]) -> tuple[str, ...]:
        """Those of `inputs`, the fields it looks at, that training also needs at each step of the chunk."""
        if self.learns_from_observations:
            return tuple(n for n in inputs if n not in self.goal or n in self.fast)
        return self.fast

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form; `from_dict` reads it back."""
        return {**dataclasses.asdict(self), "head": head_dict(self.head)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str = "policy") -> PolicyConfig:
        """Read a recipe's or a checkpoint's policy section.

        Args:
            where: its key in that file.

        Raises:
            ValueError: an unknown key, with the nearest, or a value that is not allowed; the message names it.
        """
        beside = [f.name for f in dataclasses.fields(cls)]
        return fill(cls, data, where, readers={"head": partial(head_config, around=beside)})
