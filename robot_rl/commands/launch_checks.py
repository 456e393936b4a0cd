"""What can be checked of a launch description's arguments before any process starts; afterwards each says it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from robot_rl.commands.names import UsageError


def check(name: str, given: Mapping[str, str]) -> None:
    """Refuse arguments that cannot lead anywhere.

    Raises:
        UsageError: one is missing.
        TrainingError: there is no such recipe, or it does not hold.
    """
    if name in _CHECKS:
        _CHECKS[name](given)


def _finetune(given: Mapping[str, str]) -> None:
    """There is a session, or a recipe to begin one with."""
    session = given.get("session", "")
    if not session:
        raise UsageError("session:= is missing: give the folder of the session, new or to be continued")
    from robot_rl.learn.online import recipe

    known = Path(session) / recipe.FILE
    if known.is_file():
        recipe.load(known)
    elif given.get("recipe"):
        recipe.load(given["recipe"])
    else:
        raise UsageError(f"{session} holds no session yet: give recipe:=, a folder of policies/ with a {recipe.FILE}")


_CHECKS: dict[str, Callable[[Mapping[str, str]], None]] = {"finetune": _finetune}
