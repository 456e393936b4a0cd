"""Run a policy on a robot. A person (or the scripted operator) may step in, and all of it can be recorded.

Starts the node graph of deploy.launch.yaml. Holding the clutch takes over; the rewind button first goes back to a
familiar state. What is recorded says step by step who acted, so the next training can learn from the corrections.
With --evaluation nobody can take over: it measures the policy, on a real robot too, and ends with its success rate.

Examples:
  robot-rl deploy --checkpoint flow_lift --device gamepad
  robot-rl deploy --checkpoint flow_lift --device scripted --episodes 20 --dataset lift --lockstep
  robot-rl deploy --checkpoint runs/lift/checkpoint --no-intervene --episodes 5 --in-process
  robot-rl deploy --checkpoint my_policy --evaluation --episodes 20 --dataset my_trials --person Ada
  robot-rl deploy --checkpoint flow_lift --execution rtc
  robot-rl deploy --checkpoint ws://gpu-box:8000 --robot sim_lift --execution async
  robot-rl deploy --checkpoint ws://pi0-box:8000 --robot my_arm --fields observation/state=ee_pose
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from tyro.conf import OmitArgPrefixes

from robot_rl.commands.graph_options import SCRIPTED, GraphOptions, Purpose, refuse_computer
from robot_rl.commands.names import UsageError
from robot_rl.commands.policy_options import PolicyOptions, resolved, trained_for
from robot_rl.serving.loading import check_options


@dataclass(frozen=True, kw_only=True)
class Options(GraphOptions):
    """Which policy, on which robot, with whom standing by."""

    robot: str = ""
    """A folder of hardware/ with a robot.yaml; by default the robot that the policy was trained for."""
    checkpoint: str
    """A checkpoint's folder, a training run's folder, a recipe (its newest run), or ws://host:port of a server."""
    evaluation: bool = False
    """Measure the policy: nobody can take over, and of the device only start, marks, undo and the emergency stop are
    heard. What is recorded has the purpose `evaluation`."""
    intervene: bool = True
    """Somebody stands by with the device and may take over."""
    policy_device: Literal["cpu", "cuda"] = "cpu"
    """Where a policy on this computer computes; a server's where it was started."""
    policy: OmitArgPrefixes[PolicyOptions] = field(default_factory=PolicyOptions)

    @property
    def purpose(self) -> Purpose:
        """What the episodes are for."""
        return "evaluation" if self.evaluation else "deployment"

    @property
    def helped(self) -> bool:
        """Somebody may take over."""
        return self.intervene and not self.evaluation

    @property
    def driver(self) -> str:
        """Who is noted with each episode; nobody but who is named where nobody may take over."""
        return super().driver if self.helped else self.person


def run(options: Options) -> int:
    options.check_counts()
    refuse_computer(options.device, "--device ", "--policy-device ")
    own = options.policy
    check_options([options.checkpoint], device=options.policy_device, fields=own.fields, prompt=own.prompt)
    execution = own.config
    policy = resolved(options.checkpoint)
    options = options if options.robot else replace(options, robot=trained_for(policy, "--robot NAME"))
    robot = options.load_robot()
    if options.intervene:
        options.check_driver(robot)
    if options.in_process:
        if options.helped and options.device != SCRIPTED:
            raise UsageError("--in-process has no person in it: add --device scripted or --no-intervene")
        from robot_rl.commands.in_process import run_job

        return run_job(
            options.job(
                robot,
                options.purpose,
                quality=options.quality if options.helped else None,
                checkpoint=policy,
                policy_device=options.policy_device,
                execution=execution,
                fields=own.fields,
                prompt=own.prompt,
            )
        )
    from robot_rl.commands.session import run_graph

    return run_graph("deploy", arguments(options, policy))


def arguments(options: Options, checkpoint: str) -> dict[str, str]:
    """The options as arguments of deploy.launch.yaml."""
    own = {
        "checkpoint": checkpoint,
        "purpose": options.purpose,
        "intervene": str(options.intervene).lower(),
        "policy_device": options.policy_device,
    }
    return options.launch_arguments() | own | options.policy.launch_arguments()
