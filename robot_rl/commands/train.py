"""Train a policy from one or more data sets, as a recipe says; any value of the recipe can be changed here.

The run lands in policies/<recipe>/checkpoints/<time>: checkpoint, curves, configuration, model card. Ctrl-C stops it;
the same command with --output of that folder goes on where it stopped. Started by torchrun, several processes share
each batch, one CUDA device each where there are some.

Examples:
  robot-rl train --recipe flow_lift --dataset lift
  robot-rl train --recipe flow_lift --dataset lift deployed --select rac
  robot-rl train --recipe flow_lift --dataset lift --select-checkpoint success --evaluate-every 1000
  torchrun --nproc-per-node 2 -m robot_rl.cli train --recipe flow_lift --dataset lift
  robot-rl train --recipe flow_lift --dataset lift --steps 2000 --policy.n-action-steps 4 --output runs/short
  robot-rl train --recipe flow_lift --dataset lift --policy.head.name act --policy.head.latent 16 --output runs/act
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from typing import Annotated

from tyro.conf import arg

from robot_rl.commands.names import UsageError, existing_dataset
from robot_rl.learn import config
from robot_rl.policies.heads import HEADS, head_config

HEAD = "policy.head.name"


@dataclass(frozen=True)
class Options:
    """The recipe, and what to change in it."""

    recipe: str = "flow_lift"
    """A folder of policies/ with a train.yaml, or the path of such a folder or file; the values below are its."""
    head: Annotated[str, arg(name=HEAD, metavar="|".join(HEADS))] = "flow"
    """Which head; another than the recipe's begins with its own defaults, which --policy.head changes."""
    config: Annotated[config.TrainConfig, arg(name="")] = field(default_factory=config.TrainConfig)


def defaults(arguments: list[str]) -> Options:
    """The options as the recipe and the head named in the arguments have them.

    Raises:
        TrainingError: no such recipe.
        UsageError: no such head, or one that does not go with the rest of the recipe.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--recipe", default=Options.recipe)
    parser.add_argument(f"--{HEAD}", dest="head", nargs="?")
    given = parser.parse_known_args(arguments)[0]
    loaded = config.load(given.recipe)
    own = loaded.policy.head.name
    if given.head in (None, own):
        return Options(given.recipe, own, loaded)
    try:
        policy = replace(loaded.policy, head=head_config({"name": given.head}, "policy.head"))
        return Options(given.recipe, given.head, replace(loaded, policy=policy))
    except ValueError as error:
        raise UsageError(f"--{HEAD}: {error}") from None


def run(options: Options) -> int:
    from robot_rl.learn.train import is_first_process, train

    if not options.config.dataset:
        raise UsageError("no data set to learn from: add --dataset NAME; `robot-rl info` lists those there are")
    paths = tuple(str(existing_dataset(d)) for d in options.config.dataset)
    watched = tuple(str(existing_dataset(d)) for d in options.config.action_free)
    result = train(replace(options.config, dataset=paths, action_free=watched))
    if not is_first_process():
        return 0
    held_out = "" if result.holdout_loss is None else f", held-out {result.holdout_loss:.3f}"
    work = f"{result.steps} steps on {result.episodes} episodes in {result.seconds:.0f} s"
    print(f"{work}: loss {result.loss:.3f}{held_out}")
    print(f"waiting for data: {result.waiting:.1%} of the time")
    print(f"checkpoint: {result.checkpoint} ({result.chosen})")
    print(f"card: {result.directory / 'README.md'}")
    return 0
