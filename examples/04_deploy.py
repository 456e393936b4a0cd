"""Let a policy drive while an operator watches, and see in the data who acted in which phase."""

from __future__ import annotations

import argparse
from pathlib import Path

from robot_rl.datasets.record import Source
from robot_rl.hardware.config import load, make
from robot_rl.hardware.teleop import Teleop
from robot_rl.policies import checkpoint
from robot_rl.policies.execution import ChunkExecutor
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeMachine, EpisodeRules
from robot_rl.runtime.loop import run_episode
from robot_rl.sim.operators.lift import LiftOperator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/example/checkpoint"))
    parser.add_argument("--episodes", type=int, default=5)
    options = parser.parse_args()

    config = load("sim_lift")
    policy = checkpoint.load(options.checkpoint)
    checkpoint.require_fits(policy, config.spec)  # says which field differs, and both values
    robot = make(config)
    machine = EpisodeMachine(EpisodeRules(max_steps=config.task["horizon"], success_hold=config.task["success_hold"]))
    for seed in range(1000, 1000 + options.episodes):
        result = run_episode(
            robot,
            Arbiter.from_config(config),
            machine,
            executor=ChunkExecutor(policy),
            operator=LiftOperator(config),
            teleop=Teleop(config.spec, config.teleop, config.limits),
            seed=seed,
            purpose="deployment",
        )
        acted = ", ".join(f"{Source(s).name.lower()} {n}" for s, n in sorted(result.sources.items()))
        print(f"seed {seed}: {result.ending.result}; steps by {acted}; {result.ending.interventions} interventions")
    robot.close()


if __name__ == "__main__":
    main()
