"""Which of a run's checkpoints is its result: the last, that of least held-out loss, or that of most success.

The loss of a policy that imitates says little about its success; so the latter is measured in simulation, each time
from the same initial states, which are neither recorded ones nor those of the final evaluation.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from robot_rl.hardware import config as hardware_config
from robot_rl.learn.config import TrainConfig, TrainingError
from robot_rl.learn.statistics import wilson


@dataclass(frozen=True)
class Candidate:
    """A checkpoint and what is known of it."""

    step: int
    holdout_loss: float | None = None
    successes: int | None = None
    trials: int = 0

    @property
    def success(self) -> str:
        """The success rate with its interval, in words."""
        return "not tried" if self.successes is None else str(wilson(self.successes, self.trials))


class Choice:
    """The best candidate so far, by one rule. Of equals the later, which has learnt for longer, is taken."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        self.best: Candidate | None = None
        self.tried: list[Candidate] = []

    def consider(self, candidate: Candidate, *, doubted: bool = False) -> bool:
        """Take note of a candidate; True when it is the best now. One that the rule cannot judge never is, nor one that
        is doubted."""
        self.tried = [*(c for c in self.tried if c.step != candidate.step), candidate]
        key = self._key(candidate)
        if key is None or doubted:
            return False
        best = None if self.best is None else self._key(self.best)
        if best is not None and key < best:
            return False
        self.best = candidate
        return True

    def why(self) -> str:
        """Which checkpoint is taken, and for what reason: one sentence."""
        if self.best is None:
            return "no checkpoint yet"
        judged = [c for c in self.tried if self._key(c) is not None]
        last = judged[-1]
        if self.rule == "last":
            text = f"step {self.best.step}, the last one"
            return text if last is self.best else f"{text} before the loss rose; step {last.step} is kept in last/"
        if self.rule == "loss":
            text = (
                f"step {self.best.step}, the one of least held-out loss ({self.best.holdout_loss:.4g}) of {len(judged)}"
            )
            then = f"the last one, step {last.step}, had {last.holdout_loss:.4g}"
        else:
            text = f"step {self.best.step}, the one of most simulated success ({self.best.success}) of {len(judged)}"
            then = f"the last one, step {last.step}, had {last.success}"
        then = "it is also the last one" if last is self.best else then
        hint = ". Chosen by it, its rate is too good: evaluate it on other states" if self.rule == "success" else ""
        return f"{text}; {then}{hint}"

    def state(self) -> dict[str, Any]:
        """JSON-ready; `restore` takes it."""
        return {
            "rule": self.rule,
            "best": None if self.best is None else asdict(self.best),
            "tried": [asdict(c) for c in self.tried],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.best = None if state["best"] is None else Candidate(**state["best"])
        self.tried = [Candidate(**c) for c in state["tried"]]

    def _key(self, candidate: Candidate) -> float | None:
        """The larger, the better."""
        if self.rule == "last":
            return float(candidate.step)
        if self.rule == "loss":
            loss = candidate.holdout_loss
            return None if loss is None or not math.isfinite(loss) else -loss
        return None if candidate.successes is None else candidate.successes / candidate.trials


def validation_seeds(config: TrainConfig, recorded: Collection[int]) -> list[int]:
    """The initial states on which checkpoints are compared: none that was recorded."""
    seeds: list[int] = []
    seed = config.evaluate_seed
    while len(seeds) < config.evaluate_states:
        if seed not in recorded:
            seeds.append(seed)
        seed += 1
    return seeds


def require_simulated(robot: str) -> None:
    """Refuse at the start of a run what would fail at its first evaluation.

    Raises:
        TrainingError: the robot is not simulated.
        ConfigError: no such robot.
    """
    if not hardware_config.load(robot).simulated:
        raise TrainingError(
            f"select_checkpoint is 'success', and robot '{robot}' is not simulated: choose 'loss' or 'last', or name "
            "its simulated twin in evaluate_robot"
        )
