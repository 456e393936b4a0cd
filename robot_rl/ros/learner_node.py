"""The node that learns while the graph acts: from each step as the agent node sends it, and the parameters go back to
that node as they change. What the recorder has committed is what counts in the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from robot_rl.datasets.store.place import dataset_path
from robot_rl.hardware.config import ConfigError
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online import recipe
from robot_rl.learn.online.book import in_turn
from robot_rl.learn.online.directed import absolute, begin_directions, directed, located
from robot_rl.learn.online.folder import EPISODES, begin_folder, continue_folder
from robot_rl.learn.online.opening import Opening
from robot_rl.learn.online.remote import address, graph
from robot_rl.learn.online.remote.hosting import Hosted
from robot_rl.learn.online.remote.learning import Learning
from robot_rl.learn.online.remote.process import REFUSALS
from robot_rl.learn.online.telling import Telling
from robot_rl.ros import topics
from robot_rl.ros.node import RobotNode, run

OPTIONS = ("reset", "reset_goal", "reset_steps", "keys", "steps")
"""Of the recipe, which the launch may say otherwise."""


class LearnerNode(RobotNode):
    """Parameters: `session`, the folder of a session that is continued, or begun with `recipe`, `checkpoint` (the base
    policy), `dataset` (demonstrations) and `classifier`, separated by commas, for a practice as `direction=name`;
    `reset`, `reset_goal` and `reset_steps`, who sets the scene up, `keys`, what the success key means, and `steps`, how
    many the robot may take in all, where that is not as the recipe has it. `accept_changes`: a session goes on with
    options that it was not begun with.

    The directions of a practice learn side by side, each in a thread of its own.
    """

    def __init__(self) -> None:
        super().__init__("learner")
        self._folder = Path(self.param("session", ""))
        self._recipe_name, self._base = self.param("recipe", ""), self.list_param("checkpoint")
        self._demonstrations = self.list_param("dataset")
        self._classifiers = absolute(self.param("classifier", ""))
        self._given = {name: self.param(name, "") for name in OPTIONS}
        self._accept_changes = self.param("accept_changes", False)
        if not self.get_parameter("session").value:
            raise ConfigError("parameter 'session' is empty: give the folder of a session, new or to be continued")
        address.forget(self._folder)
        self._ending = False
        self._hosted: dict[str, Hosted] = {}
        """By direction; a session of one task has no name."""
        self._telling: Telling | None = None
        self._aside: list[threading.Thread] = []
        """Work that learning does not wait for, but the end does: a thread cut off takes the process with it."""
        self._diagnostics = self.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, topics.stream())
        self.create_timer(1.0, self._report)
        self._thread = self.in_thread(self._learn, "learner")

    def _learn(self) -> None:
        """Learn until told to end; whoever waits for this learner hears why there is none."""
        hosted: dict[str, Hosted] = {}
        threads: list[threading.Thread] = []
        try:
            try:
                with Opening(self._folder, spare=(EPISODES,)) as opening:  # the recorder's
                    plans = self._plans()
                    for name, plan in plans.items():
                        hosted[name] = Hosted(
                            plan,
                            self._folder / name,
                            self.config,
                            self._in_background,
                            told=partial(self._tell, name, plan.online.steps),
                            notes=[in_turn(plans)] if name else (),
                            accept_changes=self._accept_changes,
                        )
                    opening.begun()
            except REFUSALS as error:
                address.refuse(self._folder, str(error))
                raise
            self._hosted = hosted
            if "" not in hosted:  # whoever finds an address here finds all of them
                address.tell(self._folder, *(address.find(self._folder / next(iter(hosted))) or ("", "")))
            steps = sum(h.learning.tally.robot_steps for h in hosted.values())
            self.say(f"session {self._folder}: {steps} robot steps so far")
            first, *others = hosted.items()
            threads += [self.in_thread(partial(h.run, self._told_to_end), n) for n, h in others]
            first[1].run(self._told_to_end)
        finally:
            self._ending = True
            for thread in threads:
                thread.join()
            for thread in self._aside:
                thread.join()
            if self._hosted:
                address.forget(self._folder)
            for each in hosted.values():
                if (report := each.close()) is not None:
                    self.say(f"report: {report}")

    def _told_to_end(self) -> bool:
        return self._ending or self.exit_code is not None

    def _tell(self, direction: str, total: int, how: str) -> None:
        """Say now and then how far the session is, of a practice all directions together."""
        if self._telling is None:
            self._telling = Telling(self.say, total)
        steps = sum(h.learning.tally.robot_steps for h in self._hosted.values())
        self._telling.episode(steps, f"{direction}: {how}" if direction else how)

    def _in_background(self, work: Callable[[], None]) -> None:
        self._aside = [t for t in self._aside if t.is_alive()] + [self.in_thread(work, "curve")]

    def _plans(self) -> dict[str, recipe.Recipe]:
        """The recipe of each direction, or the only one under no name."""
        plan = self._recipe()
        return {"": plan} if plan.practice is None else begin_directions(plan, self._folder)

    def _recipe(self) -> recipe.Recipe:
        """The session's own recipe; a new session takes that of parameter `recipe`; with what is said otherwise."""
        known = (self._folder / recipe.FILE).is_file()
        if not known and not self._recipe_name:
            raise TrainingError(f"{self._folder} holds no session, and parameter 'recipe' names none to begin with")
        before = recipe.load(self._folder / recipe.FILE if known else self._recipe_name)
        plan = replace(graph.changed(before, self._given), robot=self.config.name)
        plan = directed(plan, "checkpoint", self._base)
        plan = directed(plan, "dataset", [located(d, dataset_path) for d in self._demonstrations])
        plan = directed(plan, "classifier", self._classifiers)
        graph.require_judge(plan, self._classifiers)
        if not known or plan.control_mode:
            plan = replace(plan, control_mode=self.spec.control_mode)
        if known:
            continue_folder(plan, self._folder, accept_changes=self._accept_changes)
            return plan
        if plan.practice is None:
            begin_folder(plan, self._folder)
        else:
            recipe.save(plan, self._folder)  # each direction has a folder of its own
        return plan

    def _report(self) -> None:
        hosted = self._hosted
        values = {f"{n}/{k}" if n else k: v for n, h in hosted.items() for k, v in _figures(h.learning).items()}
        status = DiagnosticStatus(
            level=DiagnosticStatus.OK,
            name="learner",
            message="learning" if hosted else "preparing",
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


def _figures(learning: Learning) -> dict[str, str]:
    """How far it is."""
    tally = learning.tally
    return {
        "robot_steps": str(tally.robot_steps),
        "episodes": str(tally.episodes),
        "recent_success": f"{sum(tally.recent)}/{len(tally.recent)}",
        "human_share": f"{tally.human_steps / max(tally.robot_steps, 1):.3f}",
        "updates": str(learning.learner.improver.updates),
        "steps_not_learnt_from": str(learning.owed),
        "episodes_from_the_data_set": str(learning.recovered),
        "rollbacks": str(learning.learner.guard.rollbacks),
    }


def main(argv: Sequence[str] | None = None) -> int:
    return run(LearnerNode, argv)
