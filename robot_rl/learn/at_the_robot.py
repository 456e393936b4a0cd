"""How a policy is measured on a robot that is not simulated, where a person begins each trial and marks its end."""

from __future__ import annotations

import shlex
from dataclasses import asdict

from robot_rl.policies.modes import ExecutionConfig


def at_the_robot(execution: ExecutionConfig, **options: str | int) -> str:
    """The command that measures a policy on a real robot.

    Args:
        options: of `robot-rl deploy`; those that are empty or 0 are left out.
    """
    usual = asdict(ExecutionConfig())
    played = {("execution" if k == "mode" else k): v for k, v in asdict(execution).items() if v != usual[k]}
    played.pop("latency_steps", None)  # is measured there
    given = {k: v for k, v in options.items() if v} | played
    words = (word for k, v in given.items() for word in (f"--{k.replace('_', '-')}", str(v)))
    return shlex.join(["robot-rl", "deploy", "--evaluation", *words])
