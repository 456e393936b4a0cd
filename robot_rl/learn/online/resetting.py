"""How the robot of a session comes to its start states, by the recipe's `reset`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from robot_rl.datasets.episode import Episode
from robot_rl.hardware.camera import Camera
from robot_rl.hardware.config import ConfigError, RobotConfig
from robot_rl.hardware.robot import Robot
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.observe import PRIVILEGED
from robot_rl.learn.online.recipe import Recipe
from robot_rl.policies.modes import ExecutionConfig, make_executor
from robot_rl.runtime.learned_resets import GoalRule, HasGoals, LearnedReset, ResetRule
from robot_rl.runtime.resets import GoOn, ResetRoutine, SelfResetting, make_routine, routines
from robot_rl.runtime.start_region import StartRegion
from robot_rl.serving.loading import load_policy

Resetting = Callable[[Robot, RobotConfig, Mapping[str, Camera]], SelfResetting]
"""Makes of a robot one that resets itself, given its cameras, which are open."""


def resetting(recipe: Recipe, demonstrations: Sequence[Episode] = ()) -> Resetting | None:
    """What the recipe says; None where the scene is set up from outside.

    Args:
        demonstrations: a learned reset without a goal ends where these began.

    The result raises ConfigError, CheckpointError or TrainingError where robot, policy or rule do not fit.
    """
    if recipe.practice is not None:
        return lambda robot, setup, cameras: SelfResetting(robot, setup, GoOn())
    if recipe.reset == "outside":
        return None

    def make(robot: Robot, setup: RobotConfig, cameras: Mapping[str, Camera]) -> SelfResetting:
        return SelfResetting(robot, setup, _routine(recipe, robot, setup, cameras, demonstrations), recipe.reset_steps)

    return make


def _routine(
    recipe: Recipe, robot: Robot, setup: RobotConfig, cameras: Mapping[str, Camera], demonstrations: Sequence[Episode]
) -> ResetRoutine | None:
    """A scripted routine by name, else a policy's."""
    if recipe.reset == "scripted":
        return make_routine(setup)
    if recipe.reset in routines(setup):
        return make_routine(setup, recipe.reset)
    opened = {n: setup.cameras[n] for n in cameras}
    policy = load_policy(recipe.reset, setup.spec, opened, device=recipe.online.device)
    executor = make_executor(policy, ExecutionConfig(), simulated=setup.simulated)
    return LearnedReset(executor, _rule(recipe, robot, setup, demonstrations), cameras)


def _rule(recipe: Recipe, robot: Robot, setup: RobotConfig, demonstrations: Sequence[Episode]) -> ResetRule:
    """When a policy's reset is done: at the goal `reset_goal`, else where demonstrations began."""
    if recipe.reset_goal is not None:
        if not isinstance(robot, HasGoals):
            raise ConfigError(f"robot '{setup.name}' has no goals to choose from: leave `reset_goal` out")
        return GoalRule(robot, recipe.reset_goal)
    if not demonstrations:
        raise TrainingError(
            "a reset by a policy needs a rule that says when it is done: `reset_goal`, the robot's goal that it "
            "reaches, or demonstrations of the task, which show where it begins"
        )
    names = recipe.online.observation or tuple(f.name for f in setup.spec.observation.vectors)
    known = {f.name: f for f in setup.spec.observation.vectors}
    fields = [known[n] for n in names if n in known and not n.startswith(PRIVILEGED)]
    return StartRegion.of([e.aligned([f.name for f in fields]) for e in demonstrations], fields)
