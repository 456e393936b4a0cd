"""Run a policy on a robot. A person (or the scripted operator) may step in, and all of it can be recorded.

Starts the node graph of deploy.launch.yaml. Holding the clutch takes over; the rewind button first goes back to a
familiar state. What is recorded says step by step who acted, so the next training can learn from the corrections.

Examples:
  robot-rl deploy --checkpoint flow_lift --device gamepad
  robot-rl deploy --checkpoint flow_lift --device scripted --episodes 20 --dataset lift --lockstep
  robot-rl deploy --checkpoint runs/lift/checkpoint --no-intervene --episodes 5 --in-process
  robot-rl deploy --checkpoint flow_lift --execution rtc
  robot-rl deploy --checkpoint ws://gpu-box:8000 --fields observation/state=ee_pose+gripper,observation/image=front
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from robot_rl.commands.graph_options import GraphOptions
from robot_rl.commands.names import UsageError
from robot_rl.policies.modes import ExecutionConfig, Mode
from robot_rl.serving.protocol import is_address


@dataclass(frozen=True, kw_only=True)
class Options(GraphOptions):
    """Which policy, on which robot, with whom standing by."""

    checkpoint: str
    """A checkpoint's folder, a training run's folder, a recipe (its newest run), or ws://host:port of a server."""
    intervene: bool = True
    """Somebody stands by with the device and may take over."""
    policy_device: Literal["cpu", "cuda"] = "cpu"
    """Where the policy computes."""
    execution: Mode = "receding"
    """How chunks become actions: waited for; the mean of all (`ensemble`); computed while the robot moves (`async`);
    made to agree with the actions under way (`rtc`); or decoded in every step from a plan and the newest force
    (`slow_fast`)."""
    action_steps: int = 0
    """Steps between two chunks; 0 takes the policy's own."""
    latency_steps: int = 1
    """With --lockstep or --in-process: how many steps a chunk takes in `async`, `rtc` and `slow_fast`."""
    samples: int = 1
    """Chunks drawn for each observation, of which the policy's verifier chooses one (`robot-rl verifier`)."""
    fields: str = ""
    """For servers other than robot_rl's: what they call the robot's fields, key=field or key=field+field, by commas."""
    prompt: str = ""
    """For servers other than robot_rl's: the task in words; empty takes the robot's."""


def run(options: Options) -> int:
    robot = options.load_robot()
    policy = _resolve(options.checkpoint)
    if options.intervene:
        options.check_driver(robot)
    if options.in_process:
        if options.intervene and options.device != "scripted":
            raise UsageError("--in-process has no person in it: add --device scripted or --no-intervene")
        from robot_rl.commands.in_process import run_job

        execution = ExecutionConfig(
            options.execution, options.action_steps, options.latency_steps, samples=options.samples
        )
        return run_job(
            options.job(
                robot,
                "deployment",
                quality=options.quality if options.intervene else None,
                checkpoint=policy,
                policy_device=options.policy_device,
                execution=execution,
                fields=options.fields,
                prompt=options.prompt,
            )
        )
    from robot_rl.runtime.launch import launch

    return launch("deploy", arguments(options, policy))


def _resolve(name: str) -> str:
    """A server's address as it is; a checkpoint's absolute folder. Raises CheckpointError when there is none."""
    if is_address(name):
        return name
    from robot_rl.policies import checkpoint

    return str(checkpoint.resolve(name).absolute())


def arguments(options: Options, checkpoint: str) -> dict[str, str]:
    """The options as arguments of deploy.launch.yaml."""
    return options.launch_arguments() | {
        "checkpoint": checkpoint,
        "intervene": str(options.intervene).lower(),
        "policy_device": options.policy_device,
        "execution": options.execution,
        "action_steps": str(options.action_steps),
        "latency_steps": str(options.latency_steps),
        "samples": str(options.samples),
        "fields": options.fields,
        "prompt": options.prompt,
    }
