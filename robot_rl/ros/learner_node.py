"""The node that learns while the graph acts: from each step as the agent node sends it, and the parameters go back to
that node as they change. What the recorder has committed is what counts in the end."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.errors import DatasetError
from robot_rl.hardware.config import ConfigError
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online import deployed, recipe
from robot_rl.learn.online.curve import Point
from robot_rl.learn.online.folder import BASE, EPISODES, begin_folder
from robot_rl.learn.online.learner import Learner
from robot_rl.learn.online.logbook import Logbook, draw
from robot_rl.learn.online.remote import address, graph
from robot_rl.learn.online.remote.learning import Learning
from robot_rl.learn.online.remote.process import hold_lock
from robot_rl.learn.online.remote.server import ActorServer
from robot_rl.learn.online.replay import ReplayError
from robot_rl.learn.online.store import Store
from robot_rl.policies import checkpoint
from robot_rl.policies.checkpoint import CheckpointError
from robot_rl.ros import topics
from robot_rl.ros.node import RobotNode, run


class LearnerNode(RobotNode):
    """Parameters: `session`, the folder of a session that is continued, or begun with `recipe`, `checkpoint` (the base
    policy) and `demonstrations` (data sets, separated by commas); `reset`, `reset_goal` and `reset_steps`, who sets the
    scene up, where that is not as the recipe has it."""

    def __init__(self) -> None:
        super().__init__("learner")
        self._folder = Path(self.param("session", ""))
        self._recipe_name, self._base = self.param("recipe", ""), self.param("checkpoint", "")
        self._demonstrations = self.list_param("demonstrations")
        self._given = {name: self.param(name, "") for name in ("reset", "reset_goal", "reset_steps")}
        if not self.get_parameter("session").value:
            raise ConfigError("parameter 'session' is empty: give the folder of a session, new or to be continued")
        address.forget(self._folder)
        self._ending = False
        self._learning: Learning | None = None
        self._logbook: Logbook | None = None
        self._logged = (0, 0)
        """Episodes and evaluations that are in the logbook."""
        self._diagnostics = self.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, topics.stream())
        self.create_timer(1.0, self._report)
        self._thread = self.in_thread(self._learn, "learner")

    def _learn(self) -> None:
        """Learn until told to end; whoever waits for this learner hears why there is none."""
        try:
            plan = self._recipe()
            lock = hold_lock(self._folder)
            learning = self._prepare(plan)
        except (TrainingError, ReplayError, DatasetError, CheckpointError, ConfigError) as error:
            address.refuse(self._folder, str(error))
            raise
        self._logbook = Logbook(self._folder, learning.tally.robot_steps)
        self._logged = (learning.tally.episodes, len(learning.curve))
        self._learning = learning
        token = secrets.token_hex(16)
        server = ActorServer(token, lambda: learning.status, period=plan.remote.period)
        address.tell(self._folder, server.address, token)
        self.say(f"session {self._folder}: {learning.tally.robot_steps} robot steps so far")
        try:
            learning.run(server, lambda: self._ending)
        finally:
            server.close()
            address.forget(self._folder)
            lock.release()

    def _prepare(self, plan: recipe.Recipe) -> Learning:
        """The learner of the session in the folder, restored or begun."""
        cameras = self.config.select_cameras(plan.cameras)
        pictures = {n: (c.height, c.width) for n, c in cameras.items()}
        base = None
        if plan.online.improver.base != "none":
            base = checkpoint.load(self._folder / BASE, plan.online.device)
            checkpoint.require_fits(base, self.spec, self.config.cameras)
        learner = Learner(plan.online, self.spec, base, pictures)
        episodes = self._folder / EPISODES
        learning = Learning(
            learner,
            Store(self._folder, learner),
            plan.remote,
            deployed.describe(plan.online, self.spec, pictures),
            lambda: Dataset.open(episodes) if (episodes / "zarr.json").is_file() else (),
            on_saved=self._log,
        )
        learning.prepare(e for name in plan.dataset for e in Dataset.open(Path(name)))
        return learning

    def _recipe(self) -> recipe.Recipe:
        """The session's own recipe; a new session takes that of parameter `recipe`."""
        if (self._folder / recipe.FILE).is_file():
            plan = recipe.load(self._folder / recipe.FILE)
            graph.require_same(plan, graph.changed(plan, self._given), self._folder)
            graph.require_possible(plan)
            return plan
        if not self._recipe_name:
            raise TrainingError(f"{self._folder} holds no session, and parameter 'recipe' names none to begin with")
        plan = recipe.load(self._recipe_name)
        demonstrations = tuple(os.path.abspath(d) for d in self._demonstrations) or plan.dataset
        plan = replace(
            graph.changed(plan, self._given),
            robot=self.config.name,
            control_mode=self.spec.control_mode,
            checkpoint=self._base or plan.checkpoint,
            dataset=demonstrations,
        )
        graph.require_possible(plan)
        begin_folder(plan, self._folder)
        return plan

    def _log(self, learning: Learning) -> None:
        if self._logbook is None:
            return
        if learning.tally.episodes != self._logged[0]:
            counts = {"lag_steps": float(learning.owed), "fetched_episodes": float(learning.recovered)}
            figures = {**learning.figures, **learning.actor, **counts}
            self._logbook.episode(learning.tally, learning.learner.improver.updates, figures)
        curve = [Point(**p) for p in learning.curve]
        if len(curve) != self._logged[1]:
            self._logbook.point(curve[-1])
            self.in_thread(lambda: draw(curve, self._folder / "curve.png"), "curve")  # learning does not wait for it
        self._logged = (learning.tally.episodes, len(curve))

    def _report(self) -> None:
        learning = self._learning
        values = {}
        if learning is not None:
            tally = learning.tally
            values = {
                "robot_steps": str(tally.robot_steps),
                "episodes": str(tally.episodes),
                "recent_success": f"{sum(tally.recent)}/{len(tally.recent)}",
                "human_share": f"{tally.human_steps / max(tally.robot_steps, 1):.3f}",
                "updates": str(learning.learner.improver.updates),
                "steps_not_learnt_from": str(learning.owed),
                "episodes_from_the_data_set": str(learning.recovered),
                "rollbacks": str(learning.learner.guard.rollbacks),
            }
        status = DiagnosticStatus(
            level=DiagnosticStatus.OK,
            name="learner",
            message="learning" if learning is not None else "preparing",
            hardware_id=self.config.name,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def close(self) -> None:
        self._ending = True
        if hasattr(self, "_thread"):
            self._thread.join(timeout=30.0)
        if getattr(self, "_logbook", None) is not None and self._logbook is not None:
            self._logbook.close()


def main(argv: Sequence[str] | None = None) -> int:
    return run(LearnerNode, argv)
