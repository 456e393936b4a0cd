"""Describe a data set, a robot, a policy or a fine-tuning session; without a name, list all there are.

A recipe is shown with every setting, those included that it inherits (`like:`) or leaves at their defaults. A robot's
file is checked as a whole, its limits too, before anything moves.

Examples:
  robot-rl info
  robot-rl info sim_lift
  robot-rl info datasets/lift
  robot-rl info flow_lift
  robot-rl info rlpd_pegslot
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from tyro.conf import Positional

from robot_rl import workspace
from robot_rl.commands import output
from robot_rl.commands.info_policy import show_policy
from robot_rl.commands.info_recipe import (
    FINETUNE,
    TRAIN,
    is_finetuning,
    is_trained,
    recipes,
    show_finetuning,
    show_training,
    show_untrained,
)
from robot_rl.commands.info_robot import show_robot
from robot_rl.commands.info_session import show_progress
from robot_rl.commands.names import UsageError, dataset_path, datasets
from robot_rl.datasets.store.urls import store_url
from robot_rl.datasets.verdicts import recorded, told
from robot_rl.hardware import config


@dataclass(frozen=True)
class Options:
    """What to describe."""

    name: Positional[str] = ""
    """A robot, a data set (name or path), a policy (recipe or checkpoint path), a session's folder; empty lists all."""
    control_mode: str = ""
    """Which of the robot's control modes to show; by default its own."""


def run(options: Options) -> int:
    console = output.console()
    name = options.name
    if not name:
        _list(console)
    elif is_finetuning(name):
        show_finetuning(console, name)
        show_progress(console, name)
    elif name in config.robots() or name.endswith((".yaml", ".yml")):
        show_robot(console, name, options.control_mode)
    elif store_url(name) or (dataset_path(name) / "zarr.json").is_file():
        _dataset(console, dataset_path(name))
    elif name in recipes(TRAIN) and not is_trained(name):
        show_untrained(console, name)
    elif name in recipes(TRAIN) or any(Path(name).glob("**/policy.json")):
        show_policy(console, name)
        if name in recipes(TRAIN):
            show_training(console, name)
    else:
        known = [*config.robots(), *datasets(), *recipes(TRAIN), *recipes(FINETUNE)]
        raise UsageError(f"'{name}' is no robot, data set, policy or session.{workspace.did_you_mean(name, known)}")
    return 0


def _list(console: Console) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    groups = {"robots": config.robots(), "devices": workspace.names("hardware/devices", "device.yaml")}
    groups |= {"data sets": datasets(), "policies": recipes(TRAIN), "fine-tuning": recipes(FINETUNE)}
    for kind, names in groups.items():
        table.add_row(f"[bold]{kind}", escape(", ".join(names) or "none"))
    table.add_row("[bold]workspace", str(workspace.root()))
    console.print(table)


def _dataset(console: Console, path: Path) -> None:
    from robot_rl.datasets.dataset import Dataset
    from robot_rl.datasets.report.summary import render, summarise
    from robot_rl.datasets.report.unfinished import unfinished

    dataset = Dataset.open(path)
    console.print(render(summarise(dataset)))
    for line in told((e.purpose, recorded(e.success, e.attributes)) for e in dataset):
        console.print(escape(line), soft_wrap=True)
    if left := unfinished(dataset):
        console.print(escape(left), soft_wrap=True)
