"""Reinforcement from demonstrations while a person watches: `robot-rl finetune` is this with every option."""

from __future__ import annotations

import argparse
from pathlib import Path

from robot_rl.datasets.dataset import Dataset
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import workcell
from robot_rl.runtime.episodes import EpisodeMachine
from robot_rl.runtime.loop import run_episode
from robot_rl.runtime.recorder import Recorder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=Path, default=Path("datasets/example_pegslot"))
    parser.add_argument("--demonstrations", type=int, default=20)
    parser.add_argument("--steps", type=int, default=2000, help="of the robot")
    parser.add_argument("--trials", type=int, default=30, help="held-out initial states")
    options = parser.parse_args()

    options.dataset.parent.mkdir(parents=True, exist_ok=True)
    with workcell("sim_pegslot", operator="expert") as cell:
        with Dataset.open_or_create(options.dataset, cell.robot.spec) as dataset:
            for seed in range(len(dataset), options.demonstrations):
                machine, recorder = EpisodeMachine(cell.rules), Recorder(dataset)
                run_episode(
                    cell.robot,
                    cell.arbiter,
                    machine,
                    operator=cell.operator,
                    teleop=cell.teleop,
                    recorder=recorder,
                    seed=5000 + seed,
                )
        sac = SacConfig(critics=2, hidden=(64, 64), batch=128, temperature=0.01, actor_lr=1e-3, critic_lr=1e-3)
        config = OnlineConfig(
            RlpdConfig(sac),
            observation=("tip", "lead", "force", "slot"),  # a robot does not sense the privileged field
            steps=options.steps,
            evaluate_every=max(options.steps // 2, 1),
            evaluation_seeds=tuple(range(1_000_000, 1_000_000 + options.trials)),
        )
        # Half of every batch are steps of demonstrations and of interventions; without a folder nothing is kept.
        session = Session(config, cell, Dataset.open(options.dataset))
        before = session.evaluate()
        print(f"before: {before.successes} of {before.trials}")
        session.run(
            on_point=lambda p: print(f"{p.robot_steps} robot steps, {p.human_steps} by the human: {p.success:.0%}")
        )
        after = session.curve[-1]
        print(f"after: {after.successes} of {after.trials}, 95 % interval {after.low:.0%} to {after.high:.0%}")


if __name__ == "__main__":
    main()
