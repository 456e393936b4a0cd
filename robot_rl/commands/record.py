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
from typing import Literal

from robot_rl.commands.names import UsageError, dataset_path
from robot_rl.hardware import config

Device = Literal["gamepad", "spacemouse", "keyboard", "scripted"]


@dataclass(frozen=True)
class Options:
    """What to record, with whom, into what."""

    robot: str = "sim_lift"
    """A folder of hardware/ with a robot.yaml."""
    device: Device = "gamepad"
    """What the person holds; `scripted` is the simulated operator of the robot's task."""
    dataset: str = "demonstrations"
    """The data set to make or append to: a name under datasets/, or a path."""
    episodes: int = 10
    """How many episodes; 0 goes on until Ctrl-C."""
    seed: int = 0
    """Seed of the first initial state; each episode's is one higher."""
    cameras: str = "all"
    """Which cameras: names separated by commas, `all` or `none`."""
    control_mode: str = ""
    """One of the robot's control modes; by default its own."""
    quality: str = "mixed"
    """How well the scripted operator drives, in its own words."""
    max_steps: int = 0
    """Time limit of an episode in steps; 0 takes the task's own."""
    lockstep: bool = False
    """Simulated robots: step as fast as the graph answers instead of in real time."""
    in_process: bool = False
    """Simulated robots with the scripted operator: the same in one process, without ROS."""


def run(options: Options) -> int:
    robot = config.load(options.robot, options.control_mode or None)
    check(robot, options.device, simulated_only=options.lockstep or options.in_process)
    if options.in_process:
        if options.device != "scripted":
            raise UsageError(f"--in-process runs the scripted operator: add --device scripted, not {options.device}")
        from robot_rl.commands.in_process import Job, run_job

        return run_job(
            Job(
                robot=robot,
                purpose="demonstration",
                episodes=options.episodes,
                seed=options.seed,
                cameras=options.cameras,
                dataset=dataset_path(options.dataset),
                quality=options.quality,
                max_steps=options.max_steps,
            )
        )
    from robot_rl.runtime.launch import launch

    return launch("record", arguments(options))


def arguments(options: Options) -> dict[str, str]:
    """The options as arguments of record.launch.yaml."""
    return {
        "robot": options.robot,
        "device": options.device,
        "dataset": str(dataset_path(options.dataset).absolute()),
        "episodes": str(options.episodes),
        "seed": str(options.seed),
        "cameras": options.cameras,
        "control_mode": options.control_mode,
        "quality": options.quality,
        "max_steps": str(options.max_steps),
        "lockstep": str(options.lockstep).lower(),
    }


def check(robot: config.RobotConfig, device: str, *, simulated_only: bool) -> None:
    """Raise UsageError when the robot cannot be driven like that."""
    if device == "scripted" and not robot.task.get("operator"):
        raise UsageError(f"robot '{robot.name}' has no scripted operator; use a gamepad, spacemouse or keyboard")
    if simulated_only and not robot.simulated:
        raise UsageError(f"robot '{robot.name}' is real: --lockstep and --in-process are for simulated robots")
