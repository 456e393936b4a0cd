"""Record demonstrations into a data set, driven by a person or by a simulated robot's scripted operator.

Starts the node graph of record.launch.yaml. Each episode is committed whole or not at all, so Ctrl-C loses at most
the one being recorded. Appends to a data set that is there, if its spec is this robot's.

Examples:
  robot-rl record --robot sim_lift --device gamepad --dataset lift --episodes 10
  robot-rl record --device scripted --episodes 40 --dataset lift --lockstep
  robot-rl record --device scripted --episodes 5 --dataset quick --in-process
"""

from __future__ import annotations

from dataclasses import dataclass

from robot_rl.commands.graph_options import SCRIPTED, GraphOptions
from robot_rl.commands.names import UsageError


@dataclass(frozen=True, kw_only=True)
class Options(GraphOptions):
    """What to record, with whom, into what."""

    dataset: str = "demonstrations"
    """The data set to make or append to: a name under datasets/, or a path."""
    episodes: int = 10
    """How many episodes; 0 goes on until Ctrl-C."""


def run(options: Options) -> int:
    options.check_counts()
    robot = options.load_robot()
    robot.select_cameras(options.cameras)
    options.check_driver(robot)
    if not options.dataset:
        raise UsageError("nothing would be recorded: give --dataset a name, or watch with `robot-rl launch teleop`")
    if options.in_process:
        if options.device != SCRIPTED:
            raise UsageError(f"--in-process runs the scripted operator: add --device scripted, not {options.device}")
        from robot_rl.commands.in_process import run_job

        return run_job(options.job(robot, "demonstration"))
    from robot_rl.commands.session import run_graph

    return run_graph("record", options.launch_arguments())
