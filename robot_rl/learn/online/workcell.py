"""The robot an online session runs on, with everything that stands around it.

A robot that resets itself is evaluated in a second simulation: held-out states are set up from outside, and the scene
of the practice stays as the last episode left it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from robot_rl.datasets.episode import Episode
from robot_rl.hardware import config as hardware_config
from robot_rl.hardware.camera import Camera
from robot_rl.hardware.config import RobotConfig
from robot_rl.hardware.human import Operator
from robot_rl.hardware.robot import Robot, Simulated
from robot_rl.hardware.teleop import Teleop
from robot_rl.learn.online.judging import EpisodeJudge, WatchedCamera, classifier_judge, watch
from robot_rl.learn.online.person import Keys, watching
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.remote.pacing import PacedClock
from robot_rl.learn.online.resetting import Resetting, resetting
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeMachine, EpisodeRules
from robot_rl.runtime.keys import KeyJudge, Undo
from robot_rl.runtime.learned_resets import HasGoals
from robot_rl.runtime.loop import EpisodeResult, Executor, run_episode
from robot_rl.runtime.recorder import EpisodeSink
from robot_rl.runtime.resets import ResetCounts, SelfResetting
from robot_rl.sim.camera import scene_cameras
from robot_rl.sim.operators.stands_back import StandsBack


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
    undo: Undo | None = None
    """The marks that the person may take back; None where there is nobody."""
    pace: PacedClock | None = None
    """Lets simulated time pass as it does for the person, but in evaluations."""
    helper: StandsBack | None = None
    """Lets a scripted person leave the robot to itself."""
    goal: int | None = None
    """Of a robot with several goals, the one that counts here; None leaves it as it is."""
    twin: Workcell | None = None
    """Where evaluations take place; None for here."""

    def __post_init__(self) -> None:
        if self.goal is not None and not isinstance(self.robot, HasGoals):
            raise hardware_config.ConfigError(f"robot '{self.robot.spec.robot}' has no goals to choose from")

    def toward(self, goal: int) -> Workcell:
        """The same workcell with another goal. Raises ConfigError when the robot has no such goal."""
        twin = None if self.twin is None else self.twin.toward(goal)
        out = replace(self, goal=goal, twin=twin)
        out.aim()
        return out

    def aim(self) -> None:
        """Make the goal the robot's. Raises ConfigError when it has no such goal."""
        if self.goal is not None and isinstance(self.robot, HasGoals):
            self.robot.set_goal(self.goal)

    def leave(self, alone: bool) -> bool:
        """The person leaves the robot to itself from now on, or not; returns whether one must be told to."""
        if self.helper is not None:
            self.helper.back = alone
        return alone and self.helper is None and self.operator is not None

    @property
    def resets(self) -> ResetCounts:
        """How a robot that resets itself came to its start states so far."""
        return self.robot.counts if isinstance(self.robot, SelfResetting) else ResetCounts()

    @property
    def pictures(self) -> dict[str, tuple[int, int]]:
        """Height and width of each camera's pictures."""
        return {n: (c.intrinsics.height, c.intrinsics.width) for n, c in self.cameras.items()}

    def run(
        self, executor: Executor, seed: int, purpose: str, recorder: EpisodeSink | None = None, **attributes: Any
    ) -> EpisodeResult:
        """One episode from the initial state of `seed`; in an evaluation nobody helps. Where others than the task
        judge, the attribute `judge` says who."""
        helped = purpose != "evaluation"
        if not helped and self.twin is not None:
            return self.twin.run(executor, seed, purpose, recorder, **attributes)
        self.aim()
        if not helped and isinstance(self.robot, SelfResetting):
            self.robot.set_up_next()
        judge = self.judge if helped or not isinstance(self.robot, Simulated) else None
        if judge is not None:
            judge.reset()
            attributes["judge"] = "keys" if isinstance(judge, KeyJudge) else "classifier"
        if self.pace is not None:
            self.pace.speed = float(helped)
        return run_episode(
            self.robot,
            self.arbiter,
            EpisodeMachine(self.rules if helped else replace(self.rules, latency=0.0, late_verdict=False)),
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
    resetting: Resetting | None = None,
    keys: Keys = "mark",
    latency: float | None = None,
    end_after_intervention: bool = False,
) -> Iterator[Workcell]:
    """The workcell of the simulated robot called `name`; the robot is closed at the end.

    Args:
        operator: who watches and takes over: an input device, perhaps with its file (`gamepad:/dev/input/js1`), which
            makes simulated time pass as real time does; or the quality of the scripted operator; None for nobody.
        cameras: names of those to open.
        classifier: folder of the reward classifier that judges while the policy learns.
        resetting: makes the robot one that resets itself. The scene is set up from outside for the first episode and
            where that fails; evaluations then have a simulation of their own.
        keys: what the person's success key means; see `person.Keys`.
        latency: of the person's keys [s]; by default LATENCY with a device in hand, and 0 without.
        end_after_intervention: an episode ends when they hand back to the policy.

    Raises:
        ConfigError: no such robot, camera or device; or as `resetting` raises.
        DeviceError: the device is not there.
        TrainingError: two judges.
        CameraError, RewardError: the classifier does not fit these cameras.
    """
    setup = hardware_config.load(name, control_mode)
    with ExitStack() as stack:
        robot, opened = stack.enter_context(_simulated(setup, cameras))
        judged = classifier is not None
        person = stack.enter_context(
            watching(setup, operator, keys, latency, judged=judged, end_after_intervention=end_after_intervention)
        )
        pace = PacedClock(robot.clock, 1.0) if person.real_time else None
        if pace is not None:
            robot.clock = pace
        twin = None
        if resetting is not None:
            robot = resetting(robot, setup, opened)
            spare, seen = stack.enter_context(_simulated(setup, cameras))
            if robot.always:
                spare = resetting(spare, setup, seen)
            twin = Workcell(spare, Arbiter.from_config(setup), EpisodeRules.of_task(setup.task), cameras=seen)
        yield Workcell(
            robot,
            Arbiter.from_config(setup),
            person.rules,
            person.operator,
            Teleop(setup.spec, setup.teleop, setup.limits) if person.operator is not None else None,
            opened,
            classifier_judge(classifier, opened) if classifier is not None else person.judge,
            person.undo,
            pace,
            person.helper,
            twin=twin,
        )


@contextmanager
def _simulated(setup: RobotConfig, cameras: Sequence[str]) -> Iterator[tuple[Robot, dict[str, WatchedCamera]]]:
    """The simulated robot and its cameras, open; closed at the end."""
    robot = hardware_config.make(setup)
    try:
        with scene_cameras(setup, robot, list(setup.select_cameras(",".join(cameras) or "none"))) as opened:
            yield robot, {n: watch(c) for n, c in opened.items()}
    finally:
        robot.close()


def recipe_workcell(recipe: Recipe, demonstrations: Sequence[Episode] = ()) -> AbstractContextManager[Workcell]:
    """The workcell that a recipe describes. Raises as `workcell`.

    Args:
        demonstrations: of the task, for resets that end where those began.
    """
    setup = hardware_config.load(recipe.robot, recipe.control_mode or None)
    return workcell(
        recipe.robot,
        control_mode=recipe.control_mode or None,
        operator=None if recipe.operator == "none" else recipe.operator,
        cameras=tuple(setup.select_cameras(recipe.cameras)),
        classifier=Path(recipe.classifier) if recipe.classifier else None,
        resetting=resetting(recipe, demonstrations),
        keys=recipe.keys,
        latency=recipe.latency,
        end_after_intervention=recipe.end_after_intervention,
    )
