"""Ask the data who acted when: interventions, corrections, what the envelope changed, windows for training."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from robot_rl.control.safety import Safety
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.record import Phase, Source
from robot_rl.datasets.sampling.windows import Windows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=Path, default=Path("datasets/example"))
    options = parser.parse_args()

    dataset = Dataset.open(options.dataset)
    for episode in dataset:
        human = episode.steps["source"] == Source.HUMAN
        corrected = (episode.steps["phase"] == Phase.CORRECTION).sum()
        limited = (episode.steps["safety"] & Safety.RATE > 0).sum()
        takeovers = int(human[0]) + int((np.diff(human.astype(int)) == 1).sum())
        print(
            f"episode {episode.number}: {len(episode)} steps, success {episode.success}, the human took over "
            f"{takeovers} times and drove {human.mean():.0%}, corrected {corrected} steps; rate limited in {limited}"
        )

    # What a chunk policy is trained on: histories of two observations, chunks of 16 executed actions.
    windows = Windows(dataset, ["ee_pose", "object_pose"], n_obs=2, horizon=16, select="rac")
    batch = windows.sample(np.random.default_rng(0), 8)
    print({name: values.shape for name, values in batch.items()})


if __name__ == "__main__":
    main()
