"""Start a launch description: the nodes of teleop, record, deploy, collect or finetune, each a process of its own.

The same description runs under `ros2 launch robot_rl <name>.launch.py`. Ctrl-C ends every node.

Examples:
  robot-rl launch teleop robot:=sim_lift device:=gamepad
  robot-rl launch record device:=scripted dataset:=datasets/lift episodes:=40 lockstep:=true
  robot-rl launch deploy checkpoint:=flow_lift dataset:=datasets/deployed
  robot-rl launch collect robot:=sim_lift camera:=front output:=policies/lift_reward/checkpoints device:=gamepad
  robot-rl launch finetune session:=runs/peg recipe:=residual_pegslot device:=gamepad
  robot-rl launch teleop --help
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import Positional, arg

from robot_rl.commands.launch_checks import check, completed
from robot_rl.commands.names import UsageError

SUMMED_UP = ("record", "deploy")
"""Descriptions that end by saying how their episodes went."""


@dataclass(frozen=True)
class Options:
    """Which description, and its arguments."""

    name: Positional[str]
    """teleop, record, deploy, collect, finetune, or the path of a *.launch.yaml."""
    arguments: Annotated[Positional[tuple[str, ...]], arg(metavar="ARG:=VALUE")] = ()
    """Arguments of the description, each as name:=value."""
    show_args: bool = False
    """List the description's arguments with their defaults, and start nothing; so does NAME --help."""


def parse(arguments: tuple[str, ...]) -> dict[str, str]:
    """`name:=value` pairs as a mapping. Raises UsageError for one that is not of that form."""
    out = {}
    for argument in arguments:
        name, mark, value = argument.partition(":=")
        if not mark or not name:
            key, equals, rest = argument.partition("=")
            hint = f": did you mean {key}:={rest}?" if key and equals else ""
            raise UsageError(f"argument '{argument}' is not of the form name:=value{hint}")
        out[name] = value
    return out


def help_of(arguments: list[str]) -> str | None:
    """What `robot-rl launch NAME --help` prints; None where no description is named, for the general page.

    Raises:
        LaunchError: there is no such description.
    """
    name = next((a for a in arguments if not a.startswith("-") and ":=" not in a), None)
    if name is None:
        return None
    usage = f"usage: robot-rl launch {name} [NAME:=VALUE ...]"
    return f"{usage}\n\n{_listed(name)}\n\n`robot-rl launch --help` has examples."


def _listed(name: str) -> str:
    """The arguments of a description, with defaults."""
    from robot_rl.runtime import launch

    return "\n".join(a.help() for a in launch.arguments_of(name))


def run(options: Options) -> int:
    from robot_rl.runtime import launch

    if options.show_args:
        print(_listed(options.name))
        return 0
    given = completed(options.name, parse(options.arguments))
    check(options.name, given)
    if options.name in SUMMED_UP:
        from robot_rl.commands.session import run_graph

        return run_graph(options.name, given)
    return launch.launch(options.name, given)
