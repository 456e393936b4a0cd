"""Rewards you can trust: a classifier of pictures from collecting to mining, and labels given later by hand.

Examples:
  robot-rl reward collect lift --camera front --hands 40-42 --output policies/lift_reward/checkpoints
  robot-rl reward collect --live --robot sim_lift --device gamepad --camera front --output policies/lift_reward/live
  robot-rl reward train policies/lift_reward/checkpoints --false-successes 0.02
  robot-rl reward report policies/lift_reward/checkpoints
  robot-rl reward check policies/lift_reward/checkpoints lift_online
  robot-rl reward mine policies/lift_reward/checkpoints lift_online
  robot-rl reward relabel lift_online --episodes 7 --success-step 61
  robot-rl reward relabel lift_online --episodes 9 --key success --pressed 5.8
  robot-rl reward relabel lift_online --classifier policies/lift_reward/checkpoints
"""

from __future__ import annotations

from typing import Annotated

from tyro.conf import subcommand

from robot_rl.commands.reward_jobs.check import Check
from robot_rl.commands.reward_jobs.collect import Collect
from robot_rl.commands.reward_jobs.mine import Mine
from robot_rl.commands.reward_jobs.relabel import Relabel
from robot_rl.commands.reward_jobs.train import Report, Train

Options = (
    Annotated[Collect, subcommand("collect")]
    | Annotated[Train, subcommand("train")]
    | Annotated[Report, subcommand("report")]
    | Annotated[Check, subcommand("check")]
    | Annotated[Mine, subcommand("mine")]
    | Annotated[Relabel, subcommand("relabel")]
)
"""What to do."""


def run(options: Options) -> int:
    return options.run()
