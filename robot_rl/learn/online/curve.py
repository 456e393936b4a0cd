"""The curve of a session: what its evaluations found, and when one is due."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from robot_rl.learn.config import TrainingError
from robot_rl.learn.files import replace_text
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.tally import Tally
from robot_rl.learn.statistics import wilson


@dataclass(frozen=True)
class Point:
    """One evaluation: the policy's mean action, from every held-out state, nobody helping."""

    robot_steps: int
    human_steps: int
    minutes: float
    """Of robot time."""
    updates: int
    """Critic updates."""
    trials: int
    successes: int
    low: float
    high: float
    """95 % interval of the success rate."""
    seconds_to_success: float | None
    """Mean robot time of the successes."""
    training_successes: int
    training_episodes: int
    """Since the session began, exploration and help included."""
    figures: dict[str, float]
    """Of the newest update: losses, mean target, entropy, temperature."""

    @property
    def success(self) -> float:
        return self.successes / self.trials


def due(config: OnlineConfig, steps: int, curve: Sequence[Point]) -> bool:
    """Whether an evaluation's time has come at so many robot steps, after those of `curve`."""
    last = curve[-1].robot_steps if curve else 0
    return steps // config.evaluate_every > last // config.evaluate_every or (steps >= config.steps and last < steps)


def make_point(
    tally: Tally, trials: Sequence[tuple[bool, int]], rate: float, updates: int, figures: Mapping[str, float]
) -> Point:
    """What an evaluation found.

    Args:
        trials: success and steps of each.
        rate: of control [Hz].
    """
    won = [steps for success, steps in trials if success]
    interval = wilson(len(won), len(trials))
    return Point(
        robot_steps=tally.robot_steps,
        human_steps=tally.human_steps,
        minutes=tally.robot_steps / rate / 60.0,
        updates=updates,
        trials=len(trials),
        successes=len(won),
        low=interval.low,
        high=interval.high,
        seconds_to_success=float(np.mean(won)) / rate if won else None,
        training_successes=tally.successes,
        training_episodes=tally.episodes,
        figures=dict(figures),
    )


def write_curve(directory: Path, curve: Iterable[Point]) -> None:
    """Write `curve.json`: the evaluations, for plots."""
    points = [{**asdict(p), "success": p.success} for p in curve]
    replace_text(directory / "curve.json", json.dumps(points, indent=1) + "\n")


def read_curve(directory: Path) -> list[Point]:
    """The evaluations of the session in `directory`. Raises TrainingError when there are none yet, or none at all."""
    path = directory / "curve.json"
    if not path.is_file():
        raise TrainingError(f"{directory} is no session of `robot-rl finetune`, or has not been evaluated yet")
    try:
        points = json.loads(path.read_text())
        curve = [Point(**{k: v for k, v in p.items() if k != "success"}) for p in points]
    except (json.JSONDecodeError, TypeError, AttributeError) as error:
        raise TrainingError(f"{path} cannot be read: {error}") from error
    if not curve:
        raise TrainingError(f"{directory} has not been evaluated yet")
    return curve
