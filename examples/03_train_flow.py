"""Train a flow-matching chunk policy on recorded episodes. `robot-rl train` is this with every option."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from robot_rl.learn.config import load
from robot_rl.learn.train import train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=Path, default=Path("datasets/example"))
    parser.add_argument("--output", type=Path, default=Path("runs/example"))
    parser.add_argument("--steps", type=int, default=2000)
    options = parser.parse_args()

    recipe = load("flow_lift")  # policies/flow_lift/train.yaml
    result = train(replace(recipe, dataset=(options.dataset,), output=options.output, steps=options.steps))
    print(f"loss {result.loss:.3f} after {result.steps} steps on {result.episodes} episodes")
    print(f"checkpoint: {result.checkpoint}")


if __name__ == "__main__":
    main()
