"""Describe a data set, a robot or a policy; without a name, list all there are.

Examples:
  robot-rl info
  robot-rl info sim_lift
  robot-rl info datasets/lift
  robot-rl info flow_lift
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from tyro.conf import Positional

from robot_rl import workspace
from robot_rl.commands.names import UsageError, dataset_path, datasets
from robot_rl.datasets.store.urls import store_url
from robot_rl.hardware import config
from robot_rl.spec import Layout, Spec


@dataclass(frozen=True)
class Options:
    """What to describe."""

    name: Positional[str] = ""
    """A robot, a data set (name or path), a policy (recipe or checkpoint path); empty lists all."""
    control_mode: str = ""
    """Which of the robot's control modes to show; by default its own."""


def run(options: Options) -> int:
    console = Console(highlight=False)
    name = options.name
    if not name:
        _list(console)
    elif name in config.robots() or name.endswith((".yaml", ".yml")):
        _robot(console, config.load(name, options.control_mode or None))
    elif store_url(name) or (dataset_path(name) / "zarr.json").is_file():
        _dataset(console, dataset_path(name))
    elif name in _recipes() or any(Path(name).glob("**/policy.json")):
        _policy(console, name)
    else:
        known = [*config.robots(), *datasets(), *_recipes()]
        raise UsageError(f"'{name}' is no robot, data set or policy.{workspace.did_you_mean(name, known)}")
    return 0


def _recipes() -> list[str]:
    return workspace.names("policies", "train.yaml")


def _list(console: Console) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    groups = {"robots": config.robots(), "devices": workspace.names("hardware/devices", "device.yaml")}
    groups |= {"data sets": datasets(), "policies": _recipes()}
    for kind, names in groups.items():
        table.add_row(f"[bold]{kind}", escape(", ".join(names) or "none"))
    table.add_row("[bold]workspace", str(workspace.root()))
    console.print(table)


def _robot(console: Console, robot: config.RobotConfig) -> None:
    console.print(f"[bold]{robot.name}[/bold]: {escape(robot.description)}")
    console.print(f"driver {robot.driver}, {'simulated' if robot.simulated else 'real'}, from {robot.path}")
    _spec(console, robot.spec)
    for camera in robot.cameras.values():
        depth = " with depth" if camera.depth else ""
        console.print(
            f"camera {camera.name}: {camera.driver} {camera.width}x{camera.height} at {camera.fps:g} Hz{depth}"
        )


def _spec(console: Console, spec: Spec) -> None:
    console.print(f"control mode {spec.control_mode} at {spec.rate:g} Hz")
    table = Table(box=None, pad_edge=False)
    for heading in ("", "field", "shape", "unit", "frame", "low", "high"):
        table.add_column(heading, no_wrap=heading == "field")
    for part, layout in (("observation", spec.observation), ("action", spec.action)):
        for row in _rows(layout):
            table.add_row(part, *(escape(cell) for cell in row))
            part = ""
    console.print(table)


def _rows(layout: Layout) -> Iterable[tuple[str, ...]]:
    for f in layout.values():
        yield f.name, "x".join(map(str, f.shape)), f.unit, f.frame, _numbers(f.low), _numbers(f.high)


def _numbers(values: tuple[float, ...] | None) -> str:
    """`0.25` when all are equal, else all of them."""
    if values is None:
        return ""
    distinct = dict.fromkeys(f"{v:g}" for v in values)
    return next(iter(distinct)) if len(distinct) == 1 else " ".join(f"{v:g}" for v in values)


def _dataset(console: Console, path: Path) -> None:
    from robot_rl.datasets.dataset import Dataset
    from robot_rl.datasets.report.summary import render, summarise

    dataset = Dataset.open(path)
    console.print(render(summarise(dataset)))


def _policy(console: Console, name: str) -> None:
    from robot_rl.policies import checkpoint

    card = checkpoint.read_card(name)
    console.print(f"[bold]{escape(str(checkpoint.resolve(name)))}[/bold]")
    c = card.config
    console.print(
        f"{type(c.head).__name__.removesuffix('Config').lower()} policy for {card.spec.robot}: "
        f"sees {c.n_obs} observations of {', '.join(card.inputs)}; plans {c.horizon} actions, plays {c.n_action_steps}"
    )
    for title, values in (("data", card.dataset), ("training", card.training), ("written", card.provenance)):
        text = ", ".join(f"{k} {v}" for k, v in values.items() if not isinstance(v, (dict, list)))
        console.print(f"{title}: {escape(text)}")
    _spec(console, card.spec)
