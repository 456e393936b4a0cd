"""Run a policy on a robot. A person (or the scripted operator) may step in, and all of it can be recorded.

Starts the node graph of deploy.launch.yaml. Holding the clutch takes over; the rewind button first goes back to a
familiar state. What is recorded says step by step who acted, so the next training can learn from the corrections.

Examples:
  robot-rl deploy --checkpoint flow_lift --device gamepad
  robot-rl deploy --checkpoint flow_lift --device scripted --episodes 20 --dataset lift --lockstep
  robot-rl deploy --checkpoint runs/lift/checkpoint --no-intervene --episodes 5 --in-process
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from robot_rl.commands.names import UsageError, dataset_path
from robot_rl.commands.record import Device, check
from robot_rl.hardware import config


@dataclass(frozen=True)
class Options:
    """Which policy, on which robot, with whom standing by."""

    checkpoint: str
    """A checkpoint's folder, a training run's folder, or a recipe (its newest run)."""
    robot: str = "sim_lift"
    """A folder of hardware/ with a robot.yaml."""
    intervene: bool = True
    """Somebody stands by with the device and may take over."""
    device: Device = "gamepad"
    """What they hold; `scripted` is the simulated operator of the robot's task."""
    dataset: str = ""
    """The data set to record to: a name under datasets/, or a path; empty records nothing."""
    episodes: int = 0
    """How many episodes; 0 goes on until Ctrl-C."""
    seed: int = 0
    """Seed of the first initial state; each episode's is one higher."""
    cameras: str = "all"
    """Which cameras: names separated by commas, `all` or `none`."""
    control_mode: str = ""
    """One of the robot's control modes; by default its own."""
    policy_device: Literal["cpu", "cuda"] = "cpu"
    """Where the policy computes."""
    quality: str = "mixed"
    """How well the scripted operator drives, in its own words."""
    max_steps: int = 0
    """Time limit of an episode in steps; 0 takes the task's own."""
    lockstep: bool = False
    """Simulated robots: step as fast as the graph answers instead of in real time."""
    in_process: bool = False
    """Simulated robots: the same in one process, without ROS."""


def run(options: Options) -> int:
    from robot_rl.policies import checkpoint

    robot = config.load(options.robot, options.control_mode or None)
    path = checkpoint.resolve(options.checkpoint)
    if options.intervene:
        check(robot, options.device, simulated_only=options.lockstep or options.in_process)
    if options.in_process:
        if options.intervene and options.device != "scripted":
            raise UsageError("--in-process has no person in it: add --device scripted or --no-intervene")
        from robot_rl.commands.in_process import Job, run_job

        return run_job(
            Job(
                robot=robot,
                purpose="deployment",
                episodes=options.episodes,
                seed=options.seed,
                cameras=options.cameras,
                dataset=dataset_path(options.dataset) if options.dataset else None,
                quality=options.quality if options.intervene else None,
                max_steps=options.max_steps,
                checkpoint=path,
                policy_device=options.policy_device,
            )
        )
    from robot_rl.runtime.launch import launch

    return launch("deploy", arguments(options, str(path.absolute())))


def arguments(options: Options, checkpoint: str) -> dict[str, str]:
    """The options as arguments of deploy.launch.yaml."""
    return {
        "checkpoint": checkpoint,
        "robot": options.robot,
        "intervene": str(options.intervene).lower(),
        "device": options.device,
        "dataset": str(dataset_path(options.dataset).absolute()) if options.dataset else "",
        "episodes": str(options.episodes),
        "seed": str(options.seed),
        "cameras": options.cameras,
        "control_mode": options.control_mode,
        "policy_device": options.policy_device,
        "quality": options.quality,
        "max_steps": str(options.max_steps),
        "lockstep": str(options.lockstep).lower(),
    }
