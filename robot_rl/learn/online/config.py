"""The configuration of online learning. Frozen dataclasses; `rlpd` and `residual` give the published settings."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from robot_rl.learn.config import TrainingError


@dataclass(frozen=True)
class SacConfig:
    """Soft actor-critic (Haarnoja et al., 2018) with the choices of RLPD (Ball et al., 2023)."""

    critics: int = 10
    """Members of the ensemble."""
    subset: int = 2
    """Members drawn for each target, of which the least counts."""
    hidden: tuple[int, ...] = (256, 256)
    layer_norm: bool = True
    """In the critics."""
    gamma: float = 0.97
    n_step: int = 1
    """Steps of reward before the bootstrap."""
    tau: float = 0.005
    """How far the targets move with each critic update."""
    actor_lr: float = 3e-4
    critic_lr: float = 3e-4
    temperature_lr: float = 3e-4
    temperature: float = 0.1
    """At the start."""
    target_entropy: float | None = None
    """None: minus half the number of actions (HIL-SERL)."""
    backup_entropy: bool = False
    """Whether targets hold the entropy bonus."""
    imitation: float = 0.0
    """Weight of -log pi(a | s) of the human's steps in the actor's loss; 0 for none."""
    batch: int = 256
    utd: int = 2
    """Critic updates for each robot step, followed by one of the actor."""
    actor_delay: int = 1
    """Robot steps between updates of actor and temperature."""

    def __post_init__(self) -> None:
        if not 1 <= self.subset <= self.critics:
            raise TrainingError(f"subset is {self.subset}; it must lie in 1..{self.critics}, the number of critics")
        for key in ("n_step", "batch", "utd", "actor_delay"):
            if getattr(self, key) < 1:
                raise TrainingError(f"{key} is {getattr(self, key)}; it must be at least 1")
        if not (0 < self.gamma < 1 and 0 < self.tau <= 1 and self.temperature > 0):
            raise TrainingError(
                f"gamma is {self.gamma}, tau {self.tau}, temperature {self.temperature}; gamma must lie in (0, 1), "
                "tau in (0, 1], the temperature above 0"
            )


@dataclass(frozen=True)
class OnlineConfig:
    """One session of online learning in one process."""

    improver: Literal["rlpd", "residual"] = "rlpd"
    sac: SacConfig = field(default_factory=SacConfig)
    observation: tuple[str, ...] = ()
    """Vector fields that the learner looks at; empty takes those of the base policy, else all but the privileged."""
    scale: float = 0.5
    """residual: the largest correction, in halves of each action's range; it must cover the base's error."""
    reward: Literal["task", "success", "rlif"] = "success"
    """See `labels`."""
    demo_share: float = 0.5
    """Share of demonstrations and interventions in every batch."""
    human_weight: float = 1.0
    """Weight of human steps in the critics' loss."""
    steps: int = 8000
    """Robot steps of the session."""
    warmup: int = 200
    """Robot steps before the first update, with uniform actions (residual: uniform corrections of the base)."""
    capacity: int = 100_000
    """Rows of the replay."""
    evaluate_every: int = 1000
    """Robot steps between evaluations."""
    evaluation_seeds: tuple[int, ...] = tuple(range(1_000_000, 1_000_100))
    """Held-out initial states."""
    seed: int = 0
    """Of everything random; the episodes' seeds are 1000 seed, 1000 seed + 1, ..."""
    device: str = "cpu"

    def __post_init__(self) -> None:
        for key in ("steps", "capacity", "evaluate_every"):
            if getattr(self, key) < 1:
                raise TrainingError(f"{key} is {getattr(self, key)}; it must be at least 1")
        if not 0 <= self.demo_share <= 1:
            raise TrainingError(f"demo_share is {self.demo_share}; it must lie in [0, 1]")
        if self.warmup < 1 or not self.scale > 0:
            raise TrainingError(f"warmup is {self.warmup} and scale {self.scale}; at least 1 and above 0 are needed")
        if not self.evaluation_seeds or len(set(self.evaluation_seeds)) != len(self.evaluation_seeds):
            raise TrainingError(f"an evaluation needs distinct seeds, got {list(self.evaluation_seeds)}")

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        return dataclasses.asdict(self)


def rlpd(sac: SacConfig | None = None, **options: Any) -> OnlineConfig:
    """SAC from demonstrations, half of every batch (Ball et al., RLPD, 2023)."""
    return OnlineConfig(improver="rlpd", sac=sac or SacConfig(), **options)


def residual(sac: SacConfig | None = None, **options: Any) -> OnlineConfig:
    """A residual on a frozen base, off-policy (ResFiT, arXiv 2509.19301): n-step 3, UTD 4, actor delayed."""
    return OnlineConfig(
        improver="residual",
        sac=sac or SacConfig(n_step=3, utd=4, actor_delay=2),
        **{"warmup": 1000, **options},
    )
