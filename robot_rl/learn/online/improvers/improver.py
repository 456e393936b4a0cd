"""What every improver is: an agent that acts, and an update that follows each robot step.

Data flows one way. The observer makes a row of each control step; the agent answers a row with an action, or a
chunk of them; the replay keeps rows with what was executed; the improver draws from it and changes the agent. Only
the agent's weights go back to where the robot is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import torch
from torch import Generator, Tensor, nn

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.sampling import Sampling
from robot_rl.learn.online.scale import ActionScale
from robot_rl.learn.online.steady import Steady
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.settings.named import named
from robot_rl.settings.typed import dotted
from robot_rl.spec import Spec

Mode = Literal["warmup", "sample", "mode"]
"""How an agent acts: before the first update, as it explores, or as it is deployed."""

Fields = Mapping[str, tuple[tuple[int, ...], str]]
"""Shape and dtype of each field of a row."""

Observation = Mapping[str, Tensor]
"""Rows as the observer and the replay give them, (B, *shape) by field."""

UseOfBase = Literal["none", "played", "sampled"]
"""What an improver wants of a base policy: nothing; its action in every step, chunks played as deployed
(`base_action`); or its sampler, with the history that it looks at in every row (`base/<field>`)."""

IMPROVERS: dict[str, str] = {
    "rlpd": "robot_rl.learn.online.improvers.rlpd:RlpdConfig",
    "residual": "robot_rl.learn.online.improvers.residual:ResidualConfig",
    "ppo_residual": "robot_rl.learn.online.improvers.ppo_residual:PpoResidualConfig",
    "dsrl": "robot_rl.learn.online.improvers.dsrl:DsrlConfig",
    "expo": "robot_rl.learn.online.improvers.expo:ExpoConfig",
    "pa_rl": "robot_rl.learn.online.improvers.pa_rl:PaRlConfig",
    "iql": "robot_rl.learn.online.improvers.iql:IqlConfig",
    "calql": "robot_rl.learn.online.improvers.calql:CalQlConfig",
    "wsrl": "robot_rl.learn.online.improvers.wsrl:WsrlConfig",
    "imitation": "robot_rl.learn.online.improvers.imitation:ImitationConfig",
}


@dataclass(frozen=True)
class Answer:
    """What an agent wants done from B rows on."""

    actions: Tensor
    """(B, k, A) in units; the k steps are carried out before the agent is asked again, unless somebody steps in."""
    notes: Mapping[str, Tensor] = field(default_factory=dict)
    """(B, *shape) of each of the agent's `notes`, kept with each of these steps."""


class Agent(nn.Module):
    """Chooses actions. Its state_dict is all that travels from the learner to the robot.

    Args:
        scale: physical actions to units and back.
    """

    considered: Fields = MappingProxyType({})
    """What it wants at hand for every row, as fields of the replay; see `consider`."""
    notes: Fields = MappingProxyType({})
    """What it wants remembered of its answers, as fields of the replay."""
    spared: tuple[str, ...] = ()
    """Fields of rows that nothing is learnt from: `considered` stands for them, and the replay does not keep them."""

    def __init__(self, scale: ActionScale) -> None:
        super().__init__()
        self.scale = scale
        self.steady: Steady | None = None
        """The average of its weights that acts in mode "mode", if one is kept."""

    def respond(self, observation: Observation, mode: Mode, generator: Generator) -> Answer:
        """As `act`, with the weights that are meant for the mode."""
        if mode != "mode" or self.steady is None:
            return self.act(observation, mode, generator)
        with self.steady.acting(self):
            return self.act(observation, mode, generator)

    def consider(self, observation: Observation, generator: Generator) -> dict[str, Tensor]:
        """(B, *shape) of each of `considered`, for every row whoever acts, those of demonstrations included: what a
        frozen base would do, for one. It becomes part of the observation that `act` and the improver get."""
        return {}

    def act(self, observation: Observation, mode: Mode, generator: Generator) -> Answer:
        """Answer B rows; called without gradients."""
        raise NotImplementedError


@dataclass(frozen=True)
class Parts:
    """What an improver is built from."""

    spec: Spec
    fields: Fields
    """Of an observation as the agent gets it."""
    sampling: Sampling
    """Which transitions, with which rewards."""
    device: torch.device
    seed: int
    base: ChunkPolicy | None = None
    """Frozen; for improvers that sample it."""
    poses: Mapping[int, str] = field(default_factory=dict)
    """Where poses begin in the field of all vector observations, and the frame that each is given in."""


class Improver(Protocol):
    """Learns while the robot acts."""

    agent: Agent
    span: int
    """Steps that a transition of the replay spans at most."""
    updates: int
    """Critic updates so far (policy updates, where there is no critic)."""

    def begin(self, replay: Replay) -> None:
        """The demonstrations are in, nothing has been learnt: fit scales, refuse what cannot work. Raises
        TrainingError."""
        ...

    def prepare(self, replay: Replay, rng: np.random.Generator) -> float:
        """A slice of the work before the first robot step (offline learning); returns the share done, 1 when
        nothing is left. Improvers without an offline phase return 1 at once."""
        ...

    def update(self, replay: Replay, rng: np.random.Generator) -> dict[str, float]:
        """One robot step's worth of learning; returns figures for the curves. Raises TrainingError when a loss is
        not finite; nothing has been changed by that step."""
        ...

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that decides how it goes on: weights, targets, optimisers, generators, counters."""
        ...

    def restore(self, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> None:
        """Take up what `state` gave. Raises KeyError or RuntimeError when it is of another improver."""
        ...


class ImproverConfig(Protocol):
    """The configuration of one kind of improver: a frozen dataclass."""

    name: ClassVar[str]
    base: ClassVar[UseOfBase]

    def build(self, parts: Parts) -> Any:
        """A new Improver with fresh weights."""
        ...


def improver_config(data: Mapping[str, Any], where: str = "improver", around: Collection[str] = ()) -> Any:
    """The configuration that `{"name": ..., option: value}` describes; options that are mappings fill dataclasses.

    Args:
        where: the key of `data` in its file.
        around: the options beside `data`.

    Raises:
        TrainingError: unknown improver or option, with the nearest, or where it belongs; or a value that is not
            allowed.
    """
    if isinstance(data, Mapping) and data.get("name") == "rlif":
        reward = dotted(where.rpartition(".")[0], "reward")
        raise TrainingError(f"{dotted(where, 'name')} is 'rlif': RLIF is improver 'rlpd' with {reward}: rlif beside it")
    return named(data, IMPROVERS, "improver", where, around=around, error=TrainingError)


def improver_dict(config: ImproverConfig) -> dict[str, Any]:
    """The JSON-ready form that `improver_config` reads."""
    return {"name": config.name, **dataclasses.asdict(config)}  # type: ignore[call-overload]
