"""The robot an online session runs on, with everything that stands around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robot_rl.hardware import config as hardware_config
from robot_rl.hardware.camera import Camera
from robot_rl.hardware.human import Operator
from robot_rl.hardware.robot import Robot, Simulated
from robot_rl.hardware.teleop import Teleop
from robot_rl.learn.online.judging import EpisodeJudge, WatchedCamera, classifier_judge
from robot_rl.learn.online.recipe import Recipe
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeMachine, EpisodeRules
from robot_rl.runtime.loop import EpisodeResult, Executor, run_episode
from robot_rl.runtime.recorder import EpisodeSink
from robot_rl.runtime.resets import SelfResetting
from robot_rl.sim.camera import scene_cameras


@dataclass(frozen=True)
class Workcell:
    """Robot, arbiter (which owns the safety envelope), the rules of episodes, and perhaps a person who helps."""

    robot: Robot
    arbiter: Arbiter
    rules: EpisodeRules
    operator: Operator | None = None
    teleop: Teleop | None = None
    cameras: Mapping[str, Camera] = field(default_factory=dict)
    """Open."""
    judge: EpisodeJudge | None = None
    """Decides on success and reward while the policy learns; by default the simulation. A simulated robot's
    evaluations are judged by the simulation all the same: they say what is true."""

    @property
    def pictures(self) -> dict[str, tuple[int, int]]:
        """Height and width of each camera's pictures."""
        return {n: (c.intrinsics.height, c.intrinsics.width) for n, c in self.cameras.items()}

    def run(
        self, executor: Executor, seed: int, purpose: str, recorder: EpisodeSink | None = None, **attributes: Any
    ) -> EpisodeResult:
        """One episode from the initial state of `seed`; in an evaluation nobody helps."""
        helped = purpose != "evaluation"
        judge = self.judge if helped or not isinstance(self.robot, Simulated) else None
        if judge is not None:
            judge.reset()
        return run_episode(
            self.robot,
            self.arbiter,
            EpisodeMachine(self.rules),
            executor=executor,
            operator=self.operator if helped else None,
            teleop=self.teleop if helped else None,
            recorder=recorder,
            cameras=self.cameras,
            judge=judge,
            seed=seed,
            purpose=purpose,
            attributes=attributes,
        )


@contextmanager
def workcell(
    name: str,
    *,
    control_mode: str | None = None,
    operator: str | None = None,
    cameras: Sequence[str] = (),
    classifier: Path | None = None,
    resets_itself: bool = False,
) -> Iterator[Workcell]:
    """The workcell of the simulated robot called `name`; the robot is closed at the end.

    Args:
        operator: quality of the scripted operator who watches and takes over; None for nobody.
        cameras: names of those to open.
        classifier: folder of the reward classifier that judges while the policy learns.
        resets_itself: the robot drives to its start states by the routine that robot.yaml names (`task.reset`); the
            scene is set up from outside for the first episode and where the routine fails.

    Raises:
        ConfigError: no such robot or camera, or no routine.
        CameraError, RewardError: the classifier does not fit these cameras.
    """
    setup = hardware_config.load(name, control_mode)
    robot = hardware_config.make(setup)
    try:
        with scene_cameras(setup, robot, list(setup.select_cameras(",".join(cameras) or "none"))) as opened:
            watched = {n: WatchedCamera(c) for n, c in opened.items()}
            yield Workcell(
                SelfResetting(robot, setup) if resets_itself else robot,
                Arbiter.from_config(setup),
                EpisodeRules.of_task(setup.task),
                hardware_config.make_operator(setup, operator) if operator is not None else None,
                Teleop(setup.spec, setup.teleop) if operator is not None else None,
                watched,
                classifier_judge(classifier, watched) if classifier is not None else None,
            )
    finally:
        robot.close()


def recipe_workcell(recipe: Recipe) -> AbstractContextManager[Workcell]:
    """The workcell that a recipe describes. Raises as `workcell`."""
    setup = hardware_config.load(recipe.robot, recipe.control_mode or None)
    return workcell(
        recipe.robot,
        control_mode=recipe.control_mode or None,
        operator=None if recipe.operator == "none" else recipe.operator,
        cameras=tuple(setup.select_cameras(recipe.cameras)),
        classifier=Path(recipe.classifier) if recipe.classifier else None,
        resets_itself=recipe.reset == "scripted",
    )
