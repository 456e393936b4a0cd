"""The demo's evaluations, recorded by the node graph, as what `robot-rl evaluate` puts on a policy's model card."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from robot_rl.commands.demo_folder import DemoFolder, read_episodes

if TYPE_CHECKING:
    from robot_rl.datasets.episode import Episode
    from robot_rl.learn.evaluate import Trial


def add_demo_evaluation(folder: DemoFolder, number: int, robot: str) -> Path:
    """Keep one policy's evaluation with its training run, whose model card is written anew; returns the card's path.

    One that is there already, of the same weights on the same states, stays as it is: it may be of `robot-rl evaluate`,
    which measures more.

    Args:
        robot: the name of the robot that was evaluated on.

    Raises:
        CheckpointError: the run has no checkpoint.
    """
    from robot_rl.learn.card import add_evaluation, holds_evaluation
    from robot_rl.learn.evaluate import EvaluationResult, manner
    from robot_rl.policies import checkpoint
    from robot_rl.policies.modes import ExecutionConfig

    run = folder.policy(number)
    episodes = read_episodes(folder.evaluation(number))
    result = EvaluationResult(
        str(run / "checkpoint"),
        robot,
        tuple(trial(e) for e in episodes),
        seconds(episodes),
        manner(ExecutionConfig()),
        checkpoint.weights_digest(run / "checkpoint"),
    )
    if not holds_evaluation(run, result):
        add_evaluation(run, result)
    return run / "README.md"


def seconds(episodes: Iterable[Episode]) -> float:
    """How long the episodes lasted together, without what came between them."""
    return sum(e.end - int(e.steps["stamp"][0]) for e in episodes) / 1e9


def trial(episode: Episode) -> Trial:
    """A recorded episode as the trial that it was."""
    from robot_rl.control.safety import Safety
    from robot_rl.learn.evaluate import Trial

    acted = {str(flag.name): int((episode.steps["safety"] & flag.value).astype(bool).sum()) for flag in Safety}
    return Trial(
        seed=int(episode.attributes["seed"]),
        success=bool(episode.success),
        steps=len(episode),
        reward=float(episode.steps["reward"].sum()),
        safety={name: steps for name, steps in acted.items() if steps},
        compute_p99=None,
    )
