"""The demo's evaluations, recorded by the node graph, as what `robot-rl evaluate` puts on a policy's model card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from robot_rl.commands.demo_folder import DemoFolder, read_episodes

if TYPE_CHECKING:
    from robot_rl.datasets.episode import Episode
    from robot_rl.learn.evaluate import Trial


def write_card(folder: DemoFolder, number: int, robot: str) -> Path:
    """Keep one policy's evaluation with its training run and write the run's model card anew; returns the card's path.

    Args:
        robot: the name of the robot that was evaluated on.

    Raises:
        CheckpointError: the run has no checkpoint.
    """
    from robot_rl.learn.card import add_evaluation
    from robot_rl.learn.evaluate import EvaluationResult, manner
    from robot_rl.policies import checkpoint
    from robot_rl.policies.modes import ExecutionConfig

    run = folder.policy(number)
    trials = tuple(trial(e) for e in read_episodes(folder.evaluation(number)))
    add_evaluation(
        run,
        EvaluationResult(
            str(run / "checkpoint"),
            robot,
            trials,
            folder.times.seconds.get("evaluate", 0.0),
            manner(ExecutionConfig()),
            checkpoint.weights_digest(run / "checkpoint"),
        ),
    )
    return run / "README.md"


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
