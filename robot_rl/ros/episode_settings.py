"""What the parameters of the episode manager and the robot's task say: who begins an episode, and its rules."""

from __future__ import annotations

from dataclasses import replace

from robot_rl.hardware.errors import ConfigError
from robot_rl.ros.node import RobotNode
from robot_rl.runtime.episodes import EpisodeRules


def begins_by_itself(node: RobotNode) -> bool:
    """Whether episodes begin without anybody's word (parameter `auto`). Raises ConfigError."""
    auto = node.param("auto", "never")
    if auto not in ("simulated", "always", "never"):
        raise ConfigError(f"parameter 'auto' is '{auto}'; it must be simulated, always or never")
    return auto == "always" or (auto == "simulated" and node.config.simulated)


def episode_rules(node: RobotNode, *, end_on_success: bool) -> EpisodeRules:
    """The task's rules, and the parameters `max_steps`, `end_after_intervention` and `latency`.

    Args:
        end_on_success: the task's word ends an episode.
    """
    rules = EpisodeRules.of_task(
        node.config.task,
        max_steps=node.param("max_steps", 0),
        end_after_intervention=node.param("end_after_intervention", False),
        latency=node.param("latency", 0.0),
    )
    return rules if end_on_success else replace(rules, success_hold=2**31)
