"""A gripper that is opened, closed or left as it is: a choice by values of its own (HIL-SERL; Luo et al., 2024).

The values are those of the three choices, learnt by double Q-learning (van Hasselt et al., 2016); every change of the
command costs a little, in these values alone. The continuous actor and its critics do not see the gripper.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.actors import Actor
from robot_rl.learn.online.batch import Batch
from robot_rl.learn.online.features import ENCODED, Features
from robot_rl.learn.online.improvers.improver import Answer, Mode, Observation
from robot_rl.learn.online.networks import trunk
from robot_rl.learn.online.observe import PREVIOUS_ACTION
from robot_rl.learn.online.sac import Sac, SacConfig
from robot_rl.learn.online.scale import ActionScale
from robot_rl.spec import Layout
from robot_rl.workspace import did_you_mean

OPEN, STAY, CLOSE = range(3)
TOLERANCE = 0.01
"""A change of the command by less, of the way from open to closed, is none."""


@dataclass(frozen=True)
class GripperConfig:
    """A number of the action that is a gripper's command."""

    action: str = ""
    """Its label, e.g. `gripper`; empty for none: the gripper, if any, is continuous."""
    open: float = 0.0
    """The command that opens, in physical units; at the start of an episode it counts as given."""
    closed: float = 1.0
    """The command that closes."""
    penalty: float = 0.02
    """Cost of a change of the command, in the gripper's own values."""

    def __post_init__(self) -> None:
        if self.open == self.closed or not 0 <= self.penalty < math.inf:
            raise TrainingError(
                f"gripper: open is {self.open}, closed {self.closed}, penalty {self.penalty}; open and closed must "
                "differ, the penalty must be at least 0"
            )

    def index(self, action: Layout) -> int:
        """Which number of the action it is. Raises TrainingError when there is none of that label, or its bounds do
        not hold both commands."""
        labels = action.labels
        if self.action not in labels:
            raise TrainingError(f"gripper: no action '{self.action}'.{did_you_mean(self.action, labels)}")
        i = labels.index(self.action)
        for command in (self.open, self.closed):
            if not action.low[i] <= command <= action.high[i]:
                raise TrainingError(
                    f"gripper: command {command} lies outside '{self.action}', {action.low[i]} to {action.high[i]}"
                )
        return i

    def first_action(self, action: Layout) -> NDArray[np.float64]:
        """(A,) what counts as executed before an episode's first step: the gripper open, all else still."""
        out = np.clip(np.zeros(action.size), action.low, action.high)
        out[self.index(action)] = self.open
        return out


class GripperActor(Actor):
    """pi(s) for all numbers of the action but the gripper's; of that, the choice with the highest value."""

    def __init__(
        self, features: Features, scale: ActionScale, hidden: Sequence[int], config: GripperConfig, action: Layout
    ) -> None:
        super().__init__(features, scale, hidden, scale.size - 1)
        self.index = config.index(action)
        middle, reach = float(scale.middle[self.index]), float(scale.reach[self.index])
        self.open, self.closed = (config.open - middle) / reach, (config.closed - middle) / reach
        layers, width = trunk(features.size + 1, hidden)
        self.gripper = nn.Sequential(*layers, nn.Linear(width, 3))

    def act(self, observation: Observation, mode: Mode, generator: Generator) -> Answer:
        """Warming up, the gripper's choice is drawn from those that can be made, too."""
        observation = {**observation, ENCODED: self.features(observation)}
        continuous = super().act(observation, mode, generator).actions[:, 0]
        held = self.held(observation)
        if mode == "warmup":
            values = torch.rand((len(held), 3), generator=generator, device=held.device)
        else:
            values = self.values(self.gripper, self.features(observation), held)
        command = self.command(self.best(values, held), held)
        i = self.index
        return Answer(torch.cat([continuous[:, :i], command[:, None], continuous[:, i:]], dim=1)[:, None])

    def executed(self, batch: Batch) -> Tensor:
        """(B, A - 1): all but the gripper's number."""
        i = self.index
        return torch.cat([batch.action[:, :i], batch.action[:, i + 1 :]], dim=1)

    def held(self, observation: Observation) -> Tensor:
        """(B,) how far the command in force at the start of a step is from open (0) to closed (1)."""
        return self._closed(self.scale.to_unit(observation[PREVIOUS_ACTION])[:, self.index])

    def chosen(self, batch: Batch) -> Tensor:
        """(B, n) the choices that a batch's commands were, by what became of the command: a rate limit may have let
        through a part of the way only. STAY beyond the steps that were executed."""
        commands = self._closed(batch.actions[:, :, self.index])
        before = torch.cat([self.held(batch.observation)[:, None], commands[:, :-1]], dim=1)
        change = torch.where(batch.mask, commands - before, 0.0)
        return torch.where(change > TOLERANCE, CLOSE, torch.where(change < -TOLERANCE, OPEN, STAY))

    def command(self, choice: Tensor, held: Tensor) -> Tensor:
        """(B,) the command in units that a choice (B,) stands for."""
        closed = torch.where(choice == STAY, held, (choice == CLOSE).float())
        return self.open + closed * (self.closed - self.open)

    @staticmethod
    def values(critic: nn.Module, features: Tensor, held: Tensor) -> Tensor:
        """(B, 3) of the choices."""
        out: Tensor = critic(torch.cat([features, 2 * held[:, None] - 1], dim=1))
        return out

    @staticmethod
    def best(values: Tensor, held: Tensor) -> Tensor:
        """(B,) the choice with the highest value. To open what is open, or close what is closed, is none: the record
        calls it STAY, so nothing is known of its value."""
        void = torch.stack([held <= TOLERANCE, torch.zeros_like(held, dtype=torch.bool), held >= 1 - TOLERANCE], dim=1)
        return values.masked_fill(void, -math.inf).argmax(dim=1)

    def _closed(self, unit: Tensor) -> Tensor:
        """A command in units as 0 (open) to 1 (closed)."""
        return ((unit - self.open) / (self.closed - self.open)).clamp(0.0, 1.0)


class GripperSac(Sac):
    """Soft actor-critic with the gripper's values beside; one backward pass trains both kinds of critics."""

    actor: GripperActor

    def __init__(self, config: SacConfig, actor: GripperActor, device: torch.device, seed: int, penalty: float) -> None:
        super().__init__(config, actor, device, seed)
        self.penalty = penalty
        self.gripper_target = copy.deepcopy(actor.gripper).requires_grad_(False)
        self.optimizers["critics"].add_param_group({"params": list(actor.gripper.parameters())})

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        return {**super().modules, "gripper_target": self.gripper_target}

    def lags(self) -> list[tuple[nn.Module, nn.Module]]:
        return [*super().lags(), (self.gripper_target, self.actor.gripper)]

    def critic_loss(self, batch: Batch, target: Tensor) -> Tensor:
        """The critics' loss + mean_b w (Q(s, g) - y_g)^2, g the choice recorded."""
        values = self.actor.values(
            self.actor.gripper, self.actor.features(batch.observation), self.actor.held(batch.observation)
        )
        value = values.gather(1, self.actor.chosen(batch)[:, :1])[:, 0]
        loss = (batch.weight * (value - self.gripper_values_target(batch)) ** 2).mean()
        return super().critic_loss(batch, target) + loss

    @torch.no_grad()
    def gripper_values_target(self, batch: Batch) -> Tensor:
        """y_g = R - penalty sum_i gamma^i [g_i changes the command] + bootstrap Q'(s', argmax_g' Q(s', g')); (B,)."""
        actor, after = self.actor, batch.next_observation
        held, features = actor.held(after), self.target_features(after)
        best = actor.best(actor.values(actor.gripper, features, held), held)
        value = actor.values(self.gripper_target, features, held).gather(1, best[:, None])[:, 0]
        changes = (actor.chosen(batch) != STAY).float()
        discounts = self.config.gamma ** torch.arange(changes.shape[1], device=changes.device)
        return batch.reward - self.penalty * (changes @ discounts) + batch.bootstrap * value
