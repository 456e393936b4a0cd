"""The configuration of an online session: what improves the policy, on which data, for how long."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.improvers.improver import ImproverConfig, improver_config, improver_dict
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.shaping import ShapingConfig
from robot_rl.learn.online.value_range import of_returns, require_range
from robot_rl.policies.options import require_at_least
from robot_rl.settings.typed import fill


@dataclass(frozen=True)
class GuardConfig:
    """When learning counts as diverged, and what is done then."""

    limit: float = 1e3
    """Largest figure of an update (losses, mean target), up or down."""
    every: int = 500
    """Updates between snapshots that it is rolled back to."""
    lr: float = 0.5
    """Factor of all learning rates at each roll-back; 1 leaves them."""
    attempts: int = 3
    """Roll-backs before the session gives up."""

    def __post_init__(self) -> None:
        if not (self.limit > 0 and self.every >= 1 and 0 < self.lr <= 1 and self.attempts >= 0):
            raise TrainingError(
                f"guard: limit is {self.limit}, every {self.every}, lr {self.lr}, attempts {self.attempts}; the limit "
                "must be above 0, every at least 1, lr in (0, 1], attempts at least 0"
            )


@dataclass(frozen=True)
class OnlineConfig:
    """One session of online learning."""

    improver: ImproverConfig = field(default_factory=RlpdConfig)
    """How the policy is improved; `improvers.improver.IMPROVERS` lists the kinds."""
    observation: tuple[str, ...] = ()
    """Vector fields and cameras that the learner looks at; empty takes the vector fields of the base policy, else all
    but the privileged."""
    reward: Literal["task", "success", "rlif"] = "success"
    """See `labels`."""
    help_cost: float = 0.0
    """Taken off the reward of the policy's step after which a human takes over: where help is sure to come, waiting
    for it is otherwise worth nearly as much as succeeding."""
    help_every: int = 1
    """Help is given in every so-many-th episode; in the others the robot is left to itself. Help that always comes and
    ends in success leaves nothing of what the policy has to find by itself."""
    shaping: ShapingConfig | None = None
    """Make rewards denser by progress through the demonstrations' sub-goals; the best policy stays what it was."""
    demo_share: float = 0.5
    """Share of demonstrations and interventions in every batch."""
    human_weight: float = 1.0
    """Weight of human steps in the critics' loss."""
    steps: int = 8000
    """Robot steps of the session."""
    warmup: int = 200
    """Robot steps before the first update, in which the agent explores by the improver's own rule."""
    capacity: int = 100_000
    """Rows of the replay."""
    evaluate_every: int = 1000
    """Robot steps between evaluations."""
    evaluation_seeds: tuple[int, ...] = tuple(range(1_000_000, 1_000_100))
    """Held-out initial states."""
    guard: GuardConfig = field(default_factory=GuardConfig)
    """Against divergence."""
    seed: int = 0
    """Of everything random; the episodes' seeds are 1000 seed, 1000 seed + 1, ..., without those of evaluations."""
    device: str = "cpu"

    def __post_init__(self) -> None:
        whole = ("steps", "capacity", "evaluate_every", "warmup", "help_every")
        require_at_least(1, self, whole, error=TrainingError)
        if not 0 <= self.help_cost < math.inf:
            raise TrainingError(f"help_cost is {self.help_cost}; it must be at least 0")
        if not 0 <= self.demo_share <= 1:
            raise TrainingError(f"demo_share is {self.demo_share}; it must lie in [0, 1]")
        self._require_room()
        if not self.evaluation_seeds or len(set(self.evaluation_seeds)) != len(self.evaluation_seeds):
            raise TrainingError(f"an evaluation needs distinct seeds, got {list(self.evaluation_seeds)}")

    def alone(self, episode: int) -> bool:
        """Whether the robot is left to itself in this episode of the session, counted from 0."""
        return (episode + 1) % self.help_every != 0

    def episode_seed(self, number: int) -> int:
        """Of the initial state of this episode of the session, counted from 0; never a held-out one."""
        first = 1000 * self.seed
        seed = first + number
        for held_out in sorted(self.evaluation_seeds):
            seed += first <= held_out <= seed
        return seed

    def _require_room(self) -> None:
        """Bins must hold the values there can be."""
        sac, offline = getattr(self.improver, "sac", None), getattr(self.improver, "offline", None)
        if sac is None or not sac.bins:
            return
        shaping = 0.0 if self.shaping is None else self.shaping.weight
        scale, offset = (1.0, 0.0) if offline is None else (offline.scale, offline.offset)
        returns = of_returns(self.reward, sac.gamma, self.help_cost, shaping, scale, offset)
        require_range(sac.value_range, returns)

    def to_dict(self) -> dict[str, Any]:
        """A JSON- and YAML-ready form; `from_dict` reads it back."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {
            **plain,
            "improver": improver_dict(self.improver),
            "guard": dataclasses.asdict(self.guard),
            "shaping": None if self.shaping is None else dataclasses.asdict(self.shaping),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str = "online") -> OnlineConfig:
        """Read a recipe's or a saved session's options.

        Args:
            where: their key in that file.

        Raises:
            TrainingError: an unknown one, with the nearest, or a value that is not allowed; the message names it.
        """
        beside = [f.name for f in dataclasses.fields(cls)]
        readers = {"improver": partial(improver_config, around=beside)}
        return fill(cls, data, where, error=TrainingError, readers=readers)
