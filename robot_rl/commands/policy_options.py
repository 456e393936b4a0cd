"""What `deploy` and `evaluate` are asked alike: how a policy's chunks become actions, and how a server is spoken to."""

from __future__ import annotations

from dataclasses import dataclass

from robot_rl.commands.names import UsageError
from robot_rl.policies.asynchronous import Overrun
from robot_rl.policies.modes import ExecutionConfig, Mode
from robot_rl.serving.protocol import is_address


@dataclass(frozen=True, kw_only=True)
class PolicyOptions:
    """How the policy is played."""

    execution: Mode = "receding"
    """How chunks become actions: waited for; the mean of all (`ensemble`); computed while the robot moves (`async`);
    made to agree with the actions under way (`rtc`); or decoded in every step from a plan and the newest force
    (`slow_fast`)."""
    action_steps: int = 0
    """Steps between two chunks; 0 takes the policy's own."""
    latency_steps: int = 1
    """Where simulated time waits for the policy (evaluation, --lockstep, --in-process): how many steps a chunk takes in
    `async`, `rtc` and `slow_fast`."""
    overrun: Overrun = "still"
    """In `async`, `rtc` and `slow_fast`, when a chunk runs out before the next is there: hold still, or repeat its last
    action for one chunk's length at most (`last`)."""
    decay: float = 0.01
    """In `ensemble`, how much less each newer chunk weighs, exp(-decay i): 0 takes the plain mean."""
    samples: int = 1
    """Chunks drawn for each observation, of which the policy's verifier chooses one (`robot-rl verifier`)."""
    fields: str = ""
    """For servers other than robot_rl's: what they call the robot's fields, key=field or key=field+field, by commas."""
    prompt: str = ""
    """For servers other than robot_rl's: the task in words; empty takes the robot's."""

    @property
    def config(self) -> ExecutionConfig:
        """The way of execution. Raises ExecutionError."""
        return ExecutionConfig(
            self.execution,
            self.action_steps,
            self.latency_steps,
            overrun=self.overrun,
            decay=self.decay,
            samples=self.samples,
        )

    def launch_arguments(self) -> dict[str, str]:
        """The same as arguments of deploy.launch.yaml."""
        return {
            "execution": self.execution,
            "action_steps": str(self.action_steps),
            "latency_steps": str(self.latency_steps),
            "overrun": self.overrun,
            "decay": str(float(self.decay)),
            "samples": str(self.samples),
            "fields": self.fields,
            "prompt": self.prompt,
        }


def resolved(name: str) -> str:
    """A server's address as it is; a checkpoint's absolute folder. Raises CheckpointError when there is none."""
    if is_address(name):
        return name
    from robot_rl.policies import checkpoint

    return str(checkpoint.resolve(name).absolute())


def trained_for(policy: str, option: str) -> str:
    """The robot of a policy's spec.

    Args:
        policy: as `resolved` gives it.
        option: how to name the robot instead.

    Raises:
        UsageError: the policy is on a server.
    """
    if is_address(policy):
        raise UsageError(f"which robot? A policy on a server is not asked: add {option}")
    from robot_rl.policies import checkpoint

    return checkpoint.read_origin(policy).spec.robot
