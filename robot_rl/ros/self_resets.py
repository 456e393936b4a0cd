"""The resets of a session whose robot resets itself, as its agent node carries them out between episodes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode
from robot_rl.hardware.robot import Outcome, Reading
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.remote.scene import Beginning, Drive, Scene
from robot_rl.learn.online.resetting import make_reset
from robot_rl.learn.online.tally import Tally
from robot_rl.ros import codecs, topics
from robot_rl.ros.resetter import HeardCamera, HeardGoals, Resetter
from robot_rl.runtime.arbiter import Decision
from robot_rl.runtime.learned_resets import LearnedReset

if TYPE_CHECKING:
    from robot_rl.ros.policy_node import PolicyNode


class SelfResets:
    """Says how the next episode begins, and drives there when asked to.

    Args:
        node: proposes to the arbiter and hears the robot.
        plan: of the session; its `reset` names who drives.
        over: told a reset's name, whether the robot stands at a start state, and if not why.

    Raises:
        ConfigError, CheckpointError, TrainingError, TooSlowError: as `make_reset`.
    """

    def __init__(self, node: PolicyNode, plan: Recipe, over: Callable[[str, bool, str], None]) -> None:
        self._node = node
        self._pictures: dict[str, tuple[int, NDArray[Any]]] = {}
        heard = HeardGoals() if node.config.simulated and plan.reset_goal is not None else None
        cameras = {n: HeardCamera(n, self._pictures) for n in node.config.select_cameras(plan.cameras)}
        routine = make_reset(
            plan, heard, node.config, cameras, lambda: _demonstrations(plan), real_time=not node.lockstep
        )
        self._goals = heard
        self._cameras = tuple(routine.cameras) if isinstance(routine, LearnedReset) else ()
        for name in self._cameras:
            node.create_subscription(Image, topics.image(name), lambda m, n=name: self._on_image(n, m), topics.stream())
        self._resetter = Resetter(node.config, routine, node.propose, over, node.in_thread, heard)
        self._scene = Scene(
            Drive(plan.reset_steps, plan.reset_goal, bool(getattr(routine, "always", False))),
            simulated=node.config.simulated,
        )
        self._set_up = ""
        self._begun = time.monotonic()

    def next(self, trial: str = "") -> Beginning:
        """How the next episode begins; `trial` says which one of an evaluation it is."""
        return self._scene.next(trial)

    def on_episode(self, event: dict[str, Any], tally: Tally) -> None:
        """Do what the episode manager says. What it took is counted, but for evaluations."""
        counted = event.get("purpose") != "evaluation"
        if event["event"] == "reset" and event.get("scene") == "outside" and event["episode"] != self._set_up:
            self._set_up = event["episode"]
            counts = self._scene.set_up()
            if counted:
                tally.resets(counts)
        elif event["event"] == "drive":
            self._begun = time.monotonic()
            self._resetter.begin(event["episode"], event["seed"], event["stamp"], event["most"])
            self.look()
        elif event["event"] == "driven":
            self._resetter.end()
            if counted:
                tally.resets(self._scene.driven(event["success"], event["steps"]))
                tally.seconds += time.monotonic() - self._begun
        elif event["event"] in ("begin", "reset"):
            self._resetter.end()

    def look(self) -> None:
        """Hand the newest reading to the routine, once all is there that belongs to it."""
        reading: Reading | None = self._node.reading
        if reading is None or not self._resetter.wants(reading.stamp):
            return
        if not self._node.stale(reading, self._pictures, self._cameras):
            self._resetter.seen(reading)

    def judged(self, stamp: int, outcome: Outcome) -> None:
        """What the robot says of the state at `stamp` [ns]."""
        if self._goals is not None:
            self._goals.hear(stamp, outcome)
            self.look()

    def decided(self, decision: Decision) -> None:
        """Who acted."""
        self._resetter.decided(decision)

    def executed(self, action: NDArray[np.float64]) -> None:
        """What the robot was really sent (A,)."""
        self._resetter.executed(action)

    def close(self) -> None:
        """End whatever is under way."""
        self._resetter.end("the node was stopped")

    def _on_image(self, name: str, message: Image) -> None:
        self._pictures[name] = (codecs.stamp_of(message), codecs.decode_image(message))
        self.look()


def _demonstrations(plan: Recipe) -> list[Episode]:
    return [e for name in plan.dataset for e in Dataset.open(Path(name))]
