"""Record demonstrations without ROS: robot, scripted operator, teleoperation, arbiter and recorder in one loop."""

from __future__ import annotations

import argparse
from pathlib import Path

from robot_rl.datasets.dataset import Dataset
from robot_rl.hardware.config import load, make
from robot_rl.hardware.teleop import Teleop
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeMachine, EpisodeRules
from robot_rl.runtime.loop import run_episode
from robot_rl.runtime.recorder import Recorder
from robot_rl.sim.operators.lift import LiftOperator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=Path, default=Path("datasets/example"))
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--quality", default="mixed", help="expert, mixed or poor")
    options = parser.parse_args()

    config = load("sim_lift")
    robot = make(config)
    machine = EpisodeMachine(EpisodeRules(max_steps=config.task["horizon"], success_hold=config.task["success_hold"]))
    options.dataset.parent.mkdir(parents=True, exist_ok=True)
    with Dataset.open_or_create(options.dataset, config.spec) as dataset:
        for seed in range(options.episodes):
            result = run_episode(
                robot,
                Arbiter.from_config(config),  # owns the safety envelope: nothing reaches the robot but through it
                machine,
                operator=LiftOperator(config, quality=options.quality),
                teleop=Teleop(config.spec, config.teleop, config.limits),
                recorder=Recorder(dataset),
                seed=seed,
                purpose="demonstration",
            )
            print(f"episode {result.number}: {result.ending.result} in {result.ending.steps} steps")
    robot.close()


if __name__ == "__main__":
    main()
