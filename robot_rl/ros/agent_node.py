"""The node that plays an agent while a learner improves it: a policy node whose parameters change as it acts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.config import ConfigError
from robot_rl.learn.online import recipe
from robot_rl.learn.online.deployed import AgentPlayer, AgentPolicy
from robot_rl.learn.online.remote import address
from robot_rl.learn.online.remote.link import Link
from robot_rl.policies.execution import Executor
from robot_rl.policies.modes import blank_observation
from robot_rl.ros.node import run
from robot_rl.ros.policy_node import PolicyNode

WITHIN = 600.0
"""A learner may prepare for so long [s]: an offline phase, demonstrations through the base."""


class AgentNode(PolicyNode):
    """Parameters: `checkpoint`, a session's folder, and those of the policy node.

    It waits for the session's learner. Without one later on it does as the recipe's `remote.lost` says: go on with the
    parameters it has, hold the robot still, or end the graph.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lost = False
        self.create_timer(0.5, self._watch)

    def _make_executor(self) -> Executor:
        if not isinstance(self._policy, AgentPolicy):
            raise ConfigError("parameter 'checkpoint' is not an online session's folder")
        kind = self._policy.config.improver.name
        if len(self._policy.predict(blank_observation(self._policy))) != 1 or self._policy.agent.notes:
            raise ConfigError(
                f"improver '{kind}' learns from what its agent noted while it acted, which a data set does not hold: "
                "use `robot-rl finetune`, in simulation"
            )
        folder = Path(self.get_parameter("checkpoint").value)
        self._plan = recipe.load(folder / recipe.FILE)
        self._link = Link(lambda: _where(folder), self._plan.remote)
        self._weights = self._policy.agent.state_dict()
        self._await_learner(folder)
        return Learning(self._policy, self)

    def _await_checkpoint(self, path: str) -> None:
        """A new session's learner writes the agent when it is prepared."""
        self._wait(Path(path), lambda: address.find(Path(path)) is not None)

    def _await_learner(self, folder: Path) -> None:
        """What lies in the folder may be of a learner that is gone: the first word of this one is waited for."""
        self._wait(folder, lambda: self._link.hello is not None or self._link.failure is not None)
        if self._link.failure is not None:
            raise ConfigError(self._link.failure)

    def _wait(self, folder: Path, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WITHIN
        while not done():
            if time.monotonic() > deadline:
                raise ConfigError(f"{folder}: no learner within {WITHIN:.0f} s")
            time.sleep(0.2)

    def _on_episode(self, event: dict[str, Any]) -> None:
        if event["event"] == "begin" and isinstance(self._executor, AgentPlayer):
            steps = int(self._link.status.get("robot_steps", 0))
            exploring = "warmup" if steps < self._plan.online.warmup else "sample"
            self._executor.mode = "mode" if event["purpose"] == "evaluation" else exploring  # type: ignore[assignment]
        super()._on_episode(event)

    @property
    def holding(self) -> bool:
        """The learner is lost, and the rule is to hold."""
        return self._plan.remote.lost == "hold" and self._link.hello is not None and not self._link.alive

    def take_parameters(self) -> None:
        """Parameters that have come, if any, are the agent's from now on."""
        self._link.apply(self._weights)

    def _watch(self) -> None:
        """Say when the learner is lost and when it is back; end the graph where that is the rule."""
        if self._link.failure is not None:
            self.get_logger().fatal(self._link.failure)
            self.exit_code = 1
        lost, self._lost = self._lost, not self._link.alive
        if self._lost and not lost:
            what = {"continue": "goes on", "hold": "holds still", "stop": "stops"}[self._plan.remote.lost]
            self.get_logger().error(
                f"no word from the learner for {self._link.silence:.0f} s: the robot {what}; its parameters are those "
                f"of update {self._link.updates}"
            )
            if self._plan.remote.lost == "stop":
                self.exit_code = 1
        elif lost and not self._lost:
            self.get_logger().warning("the learner is back")

    def close(self) -> None:
        if hasattr(self, "_link"):
            self._link.close()
        super().close()


class Learning(AgentPlayer):
    """Plays the agent with the newest parameters; gives no action while the robot is to hold."""

    def __init__(self, policy: AgentPolicy, node: AgentNode) -> None:
        super().__init__(policy)
        self._node = node

    def act(self, values: Mapping[str, NDArray[Any]]) -> NDArray[np.float64] | None:  # type: ignore[override]
        """The action (A,) in physical units; None to hold still."""
        self._node.take_parameters()
        action = super().act(values)
        return None if self._node.holding else action


def _where(folder: Path) -> tuple[str, str]:
    found = address.find(folder)
    if found is None:
        raise ConnectionError(f"{folder}: there is no learner now")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    return run(AgentNode, argv)
