"""Classes that a robot.yaml names as `module:Class`: found, or told why not; and whether their options fit."""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from robot_rl import extras
from robot_rl.hardware.errors import ConfigError
from robot_rl.workspace import did_you_mean


def load_class(path: str, what: str) -> Any:
    """The class that `path`, written module:Class, names.

    Args:
        what: it is in the file, for the message, such as `driver`.

    Raises:
        ConfigError: its module or something that this imports is not found, or it has no such class; what to do then.
    """
    module, _, name = path.partition(":")
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(f"{what} '{path}' cannot be imported: {import_failure(module, error)}") from error
    if not hasattr(found, name):
        classes = [n for n, v in vars(found).items() if isinstance(v, type) and v.__module__ == module]
        raise ConfigError(f"{what} '{path}': module '{module}' has no '{name}'.{did_you_mean(name, classes)}")
    return getattr(found, name)


def import_failure(module: str, error: ImportError) -> str:
    """Why importing `module` failed, and what to do: it is not found itself, or it is, and something that it imports is
    not."""
    missing = error.name or ""
    if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{missing}."):
        package = missing.rpartition(".")[0]
        if package:
            place = getattr(sys.modules.get(package), "__file__", None) or "a folder without an __init__.py"
            return f"'{package}' is found ({place}), but has no module '{missing}'"
        return (
            f"no module '{missing}' is found. A class of your own must be importable in this Python: run "
            f"`pip install -e .` where its pyproject.toml lies, or set PYTHONPATH to the folder that holds {missing}"
        )
    place = _importer(error)
    if not isinstance(error, ModuleNotFoundError):
        return f"module '{module}' is found, but importing it fails in {place}: {error}"
    remedy = extras.explain(error) or f"install what brings it, `{sys.executable} -m pip install ...`"
    return f"module '{module}' is found, but {place} imports '{missing}', which is not: {remedy}"


def _importer(error: ImportError) -> str:
    """The line of a file that the import failed in."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<frozen importlib")]
    return f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else "something in it"


def check_options(driver: Callable[..., Any], name: str, given: Mapping[str, Any]) -> None:
    """Refuse options that `driver(spec, **given)` would not take, or would miss.

    What a driver takes as `**rest` is its own to check; one whose signature cannot be read, as of a compiled class, is
    called with whatever is given.

    Args:
        name: of the driver, for the message.

    Raises:
        ConfigError: an option is unknown or missing, or the driver takes no spec; with the options that there are.
    """
    try:
        parameters = list(inspect.signature(driver).parameters.values())
    except (TypeError, ValueError):
        return
    if not parameters or parameters[0].kind in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD):
        raise ConfigError(f"driver '{name}' must take the spec as its first argument")
    spec, *others = parameters
    known = {p.name: p for p in others if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    takes_all = any(p.kind is p.VAR_KEYWORD for p in others)
    for option in given:
        if option == spec.name or (option not in known and not takes_all):
            raise ConfigError(f"options: driver '{name}' takes no '{option}'.{did_you_mean(str(option), known)}")
    missing = [n for n, p in known.items() if p.default is p.empty and n not in given]
    if missing:
        raise ConfigError(f"options: driver '{name}' needs {_list(missing)}; it takes {_list(known)}")


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
