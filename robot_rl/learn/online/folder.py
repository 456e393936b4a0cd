"""A new session's folder: its recipe, and all that a robot needs beside it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from robot_rl.hardware.config import CameraConfig
from robot_rl.learn.config import TrainingError
from robot_rl.learn.files import replace_text
from robot_rl.learn.online import recipe as recipes
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.store import FREE, differences, plain
from robot_rl.policies import checkpoint
from robot_rl.policies.policy import Policy
from robot_rl.serving.loading import load_policy
from robot_rl.serving.protocol import ServablePolicy, is_address
from robot_rl.spec import Spec

BASE = "base"
"""The frozen base policy, copied, or where it is served."""
SERVER = "server.json"
"""In BASE: the address of a policy server."""
EPISODES = "episodes"
"""The data set of online episodes."""


def load_base(
    online: OnlineConfig, directory: Path, spec: Spec, cameras: Mapping[str, CameraConfig] | None = None
) -> ServablePolicy | None:
    """The frozen base policy of the session in `directory`, if the improver wants one; to be released.

    Raises:
        CheckpointError, RemoteError, MappingError, MissingExtraError: it cannot be read, or does not fit the robot.
        PolicyUnavailableError: its server does not answer.
    """
    if online.improver.base == "none":
        return None
    server = directory / BASE / SERVER
    if server.is_file():
        return load_policy(json.loads(server.read_text())["address"], spec, cameras)
    base = checkpoint.load(directory / BASE, online.device)
    checkpoint.require_fits(base, spec, cameras)
    return base


def release(base: Policy | None) -> None:
    """End the connection to a base that is served; a checkpoint holds nothing."""
    close = getattr(base, "close", None)
    if close is not None:
        close()


def begin_folder(recipe: recipes.Recipe, directory: Path) -> None:
    """Write the resolved recipe into `directory`, and the base policy, if the improver wants one.

    Raises:
        TrainingError: no base is named, or a server where the base itself is needed.
        CheckpointError: there is no such base.
    """
    improver, base = recipe.online.improver, recipe.checkpoint
    if improver.base != "none":
        if not base:
            raise TrainingError(f"improver '{improver.name}' improves a base policy: name its checkpoint")
        if not is_address(base):
            shutil.copytree(checkpoint.resolve(base), directory / BASE, dirs_exist_ok=True)
        elif improver.base == "played":
            (directory / BASE).mkdir(parents=True, exist_ok=True)
            replace_text(directory / BASE / SERVER, json.dumps({"address": base}) + "\n")
        else:
            raise TrainingError(f"improver '{improver.name}' samples its base: name a checkpoint, not a policy server")
    recipes.save(recipe, directory)


def continue_folder(recipe: recipes.Recipe, directory: Path, *, accept_changes: bool = False) -> None:
    """Write the recipe that the session in `directory` goes on with.

    Raises:
        TrainingError: it differs from the one that the session was begun with, with each difference, and that is not
            accepted; or it names another base, which is never.
    """
    before = recipes.load(directory / recipes.FILE)
    free = ("operator", "remote", "name", *FREE)
    found = differences(plain(before.to_dict()), plain(recipe.to_dict()), free=free)
    if found and not accept_changes:
        lines = "\n  ".join(found)
        raise TrainingError(
            f"{directory} was begun with another recipe:\n  {lines}\nLeave it, begin a new session, or accept the "
            "change: --accept-changes, of a launch accept_changes:=true"
        )
    if _bases(before) != _bases(recipe):
        raise TrainingError(
            f"{directory} improves the base that it was begun with; begin a new session for another one"
        )
    recipes.save(recipe, directory)


def _bases(recipe: recipes.Recipe) -> dict[str, str]:
    """The base policy of each direction, or the only one under no name."""
    directions = () if recipe.practice is None else recipe.practice.directions
    return {d: recipe.toward(d).checkpoint for d in directions} or {"": recipe.checkpoint}
