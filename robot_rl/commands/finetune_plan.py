"""What `robot-rl finetune` was asked for: the recipe as it is to be carried out, and where."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robot_rl import workspace
from robot_rl.commands.names import UsageError, dataset_path
from robot_rl.hardware import config as hardware_config
from robot_rl.hardware.devices.named import device_and_file
from robot_rl.hardware.devices.profile import devices
from robot_rl.learn.files import require_folder
from robot_rl.learn.online import recipe as recipes
from robot_rl.learn.online.directed import absolute, directed, located
from robot_rl.learn.online.folder import begin_folder, continue_folder
from robot_rl.learn.online.opening import holds_session, steps_done
from robot_rl.learn.online.recipe import Recipe

if TYPE_CHECKING:
    from robot_rl.commands.finetune import Options

FIRST_TRIAL = 1_000_000
"""Seed of the first held-out initial state."""


def resolved(options: Options) -> tuple[Recipe, Path]:
    """The recipe with what was changed here, and the session's folder. Nothing is written.

    Raises:
        UsageError: neither or both of --recipe and --resume, or nothing to resume.
        TrainingError: no such recipe, or it does not hold.
        OutputError: the folder cannot be written.
    """
    if bool(options.recipe) == (options.resume is not None):
        known = ", ".join(workspace.names("policies", recipes.FILE))
        raise UsageError(f"give --recipe NAME for a new session, or --resume FOLDER to go on. Recipes: {known}")
    if options.resume is not None:
        directory = options.resume
        if not (directory / recipes.FILE).is_file():
            raise UsageError(f"{directory} holds no session: there is no {recipes.FILE} in it")
        if options.output is not None:
            raise UsageError(f"{directory} goes on where it lies: leave --output out")
        recipe = _changed(recipes.load(directory / recipes.FILE), options)
        if options.steps and options.steps < (done := steps_done(directory)):
            raise UsageError(f"{directory} has done {done} robot steps: --steps {options.steps} would end it; raise it")
        return recipe, directory
    recipe = _changed(recipes.load(options.recipe), options)
    directory = options.output or recipe.directory()
    require_folder(directory)
    if (directory / recipes.FILE).exists() and holds_session(directory):
        raise UsageError(f"{directory} holds a session already: continue it with --resume {directory}")
    return recipe, directory


def check(recipe: Recipe, options: Options) -> None:
    """Raise UsageError for what does not go together."""
    setup = hardware_config.load(recipe.robot, recipe.control_mode or None)
    if not setup.simulated:
        raise UsageError(
            f"robot '{recipe.robot}' is not simulated: use `robot-rl launch finetune robot:={recipe.robot}`"
        )
    if recipe.practice is not None and (options.actors or options.processes == 2):
        raise UsageError("a practice takes turns in one process: leave --processes and --actors out")
    if options.actors and (options.untouched or options.processes == 2):
        raise UsageError("--actors goes with neither --processes 2 nor --untouched: many robots have no row of wins")
    if options.actors and device_and_file(recipe.operator)[0] in devices():
        raise UsageError(f"--actors are many robots at a time: nobody can watch them all with a {recipe.operator}")


def write(recipe: Recipe, directory: Path, options: Options) -> None:
    """What a session's folder holds before it begins or goes on.

    Raises:
        UsageError: nothing can be written there.
        TrainingError, CheckpointError: no such base, or a session that was begun with another recipe.
    """
    try:
        if options.resume is not None:
            continue_folder(recipe, directory, accept_changes=options.accept_changes)
        elif recipe.practice is not None:
            recipes.save(recipe, directory)  # each direction has a folder of its own
        else:
            begin_folder(recipe, directory)
    except OSError as error:
        raise UsageError(
            f"{directory} cannot be written: {error.strerror or error}; choose another --output"
        ) from error


def _changed(recipe: Recipe, options: Options) -> Recipe:
    """The recipe with what the options say. Raises TrainingError."""
    online: dict[str, Any] = {}
    if options.steps:
        online["steps"] = options.steps
    if options.seed is not None:
        online["seed"] = options.seed
    if options.device:
        online["device"] = options.device
    if options.evaluate_every:
        online["evaluate_every"] = options.evaluate_every
    if options.trials:
        online["evaluation_seeds"] = tuple(range(FIRST_TRIAL, FIRST_TRIAL + options.trials))
    keys = ("robot", "operator", "keys", "reset", "reset_steps")
    given = {key: getattr(options, key) for key in keys if getattr(options, key)}
    if options.latency is not None:
        given["latency"] = options.latency
    if options.reset_goal is not None:
        given["reset_goal"] = options.reset_goal
    recipe = directed(recipe, "dataset", [located(d, dataset_path) for d in options.dataset])
    recipe = directed(recipe, "checkpoint", [c for c in options.checkpoint.split(",") if c])
    recipe = directed(recipe, "classifier", absolute(options.classifier))
    return replace(recipe, **given, online=replace(recipe.online, **online))
