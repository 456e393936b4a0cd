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
from robot_rl.policies.modes import ExecutionConfig, check_speed, make_executor
from robot_rl.runtime.frames import FrameSource
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
        goals = robot if isinstance(robot, HasGoals) else None
        made = make_reset(recipe, goals, setup, cameras, lambda: demonstrations)
        return SelfResetting(robot, setup, made, recipe.reset_steps)

    return make


def make_reset(
    recipe: Recipe,
    goals: HasGoals | None,
    setup: RobotConfig,
    cameras: Mapping[str, FrameSource],
    demonstrations: Callable[[], Sequence[Episode]],
    *,
    real_time: bool = False,
) -> ResetRoutine:
    """What the recipe's `reset` names: a scripted routine, else a policy's.

    Args:
        goals: of the robot, and what it says of them; None where it has none.
        cameras: open; a policy may look at them.
        demonstrations: of the task, asked for where the reset ends where those began.
        real_time: a policy that cannot keep up with the robot is refused.

    Raises:
        ConfigError, CheckpointError, TrainingError: robot, policy and rule do not fit each other.
        TooSlowError: the policy takes too long.
    """
    if recipe.reset == "scripted":
        routine = make_routine(setup)
        if routine is None:
            raise ConfigError(f"{setup.path}: 'task.reset' is missing, so '{setup.name}' cannot reset itself")
        return routine
    if recipe.reset in routines(setup):
        named = make_routine(setup, recipe.reset)
        if named is not None:
            return named
    opened = {n: setup.cameras[n] for n in cameras}
    policy = load_policy(recipe.reset, setup.spec, opened, device=recipe.online.device)
    if real_time:
        check_speed(policy, ExecutionConfig())
    executor = make_executor(policy, ExecutionConfig(), simulated=setup.simulated)
    seen = [n for n in policy.observation_names if n in cameras]
    return LearnedReset(executor, _rule(recipe, goals, setup, demonstrations), {n: cameras[n] for n in seen})


def _rule(
    recipe: Recipe, goals: HasGoals | None, setup: RobotConfig, demonstrations: Callable[[], Sequence[Episode]]
) -> ResetRule:
    """When a policy's reset is done: at the goal `reset_goal`, else where demonstrations began."""
    if recipe.reset_goal is not None:
        if goals is None:
            raise ConfigError(
                f"robot '{setup.name}' does not say whether a goal is reached: leave `reset_goal` out, so that the "
                "reset ends where the demonstrations began"
            )
        return GoalRule(goals, recipe.reset_goal)
    episodes = demonstrations()
    if not episodes:
        raise TrainingError(
            "a reset by a policy needs a rule that says when it is done: `reset_goal`, the robot's goal that it "
            "reaches, or demonstrations of the task, which show where it begins"
        )
    names = recipe.online.observation or tuple(f.name for f in setup.spec.observation.vectors)
    known = {f.name: f for f in setup.spec.observation.vectors}
    fields = [known[n] for n in names if n in known and not n.startswith(PRIVILEGED)]
    return StartRegion.of([e.aligned([f.name for f in fields]) for e in episodes], fields)
