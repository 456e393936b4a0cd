"""A drone through the very same parts as the arm: spec, robot, operator, arbiter, loop, data set."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from robot_rl.datasets.dataset import Dataset
from robot_rl.hardware.config import load, make
from robot_rl.hardware.teleop import Teleop
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeMachine, EpisodeRules
from robot_rl.runtime.loop import run_episode
from robot_rl.runtime.recorder import Recorder
from robot_rl.sim.operators.quadrotor import QuadrotorPilot


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=Path, default=Path("datasets/flights"))
    parser.add_argument("--episodes", type=int, default=3)
    options = parser.parse_args()

    config = load("sim_crazyflie", "velocity")
    robot = make(config)
    machine = EpisodeMachine(EpisodeRules(max_steps=config.task["horizon"], success_hold=config.task["success_hold"]))
    options.dataset.parent.mkdir(parents=True, exist_ok=True)
    with Dataset.open_or_create(options.dataset, config.spec) as dataset:
        for seed in range(options.episodes):
            run_episode(
                robot,
                Arbiter.from_config(config),
                machine,
                operator=QuadrotorPilot(config),
                teleop=Teleop(config.spec, config.teleop, config.limits),
                recorder=Recorder(dataset),
                seed=seed,
            )
        for episode in dataset:
            seen = episode.aligned(["pose", "goal"], final=True)
            distance = np.linalg.norm(seen["pose"][:, :3] - seen["goal"], axis=1)
            print(
                f"flight {episode.number}: {distance[0]:.2f} m from the goal at first, {distance[-1]:.3f} m at the end"
            )
    robot.close()


if __name__ == "__main__":
    main()
