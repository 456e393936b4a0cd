"""Draw several chunks and play the one most like what was demonstrated; both ways on the same initial states."""

from __future__ import annotations

import argparse
from pathlib import Path

from robot_rl.learn.evaluate import evaluate
from robot_rl.learn.verifier import train_verifier
from robot_rl.policies.modes import ExecutionConfig
from robot_rl.policies.verifier_counts import CountConfig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/example/checkpoint"))
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--steps", type=int, default=1000, help="of the verifier's training")
    options = parser.parse_args()

    file = train_verifier(options.checkpoint, CountConfig(steps=options.steps))  # on the policy's own data
    print(f"verifier: {file}")
    seeds = range(1_000_000, 1_000_000 + options.episodes)
    one, best = (
        evaluate(options.checkpoint, "sim_lift", seeds, execution=ExecutionConfig(samples=samples), allow_slow=True)
        for samples in (1, 16)
    )
    print(f"one chunk: {one.proportion}")
    print(f"best of 16: {best.proportion}; {best.against(one)}")


if __name__ == "__main__":
    main()
