"""Train a verifier for a policy, so that it can choose among several chunks (--samples of deploy and evaluate).

The verifier counts how often the like of a chunk was seen in training. It is trained on the policy's own data, which
must still be there, and kept beside the policy's weights.

Examples:
  robot-rl verifier --checkpoint flow_lift
  robot-rl evaluate --checkpoint flow_lift --samples 16
"""

from __future__ import annotations

from dataclasses import dataclass, field

from robot_rl.commands.names import UsageError
from robot_rl.commands.session import progress
from robot_rl.learn.verifier import train_verifier
from robot_rl.policies.verifier_counts import CountConfig


@dataclass(frozen=True)
class Options:
    """Which policy, and how its verifier is trained."""

    checkpoint: str
    """A checkpoint's folder, a training run's folder, or a recipe (its newest run)."""
    device: str = "cpu"
    """Where to train: `cpu`, `cuda` or `auto`."""
    verifier: CountConfig = field(default_factory=CountConfig)


def run(options: Options) -> int:
    if not options.checkpoint:
        raise UsageError("no policy to train a verifier for: add --checkpoint NAME")
    with progress() as bar:
        row = bar.add_task("verifier", total=options.verifier.steps, tally="")

        def show(step: int, loss: float) -> None:
            if step % 50 == 49 or step + 1 == options.verifier.steps:
                bar.update(row, completed=step + 1, tally=f"loss {loss:.3f}")

        file = train_verifier(options.checkpoint, options.verifier, options.device, show)
    print(f"verifier: {file}; use it with --samples")
    return 0
