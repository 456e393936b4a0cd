"""Every setting of a recipe with its value, and the default where the recipe says otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from robot_rl.settings import yaml_text

ENDS = 8
"""A longer list of numbers that follow each other is shown by its ends."""
_UNKNOWN = object()


def show_settings(console: Console, values: Mapping[str, Any], usual: Mapping[str, Any]) -> None:
    """Print a whole configuration as YAML.

    Args:
        values: as the recipe has it, with what it inherits by `like:`.
        usual: as it is where a recipe says nothing.
    """
    console.print("every setting, and behind # the default where the recipe says otherwise:", soft_wrap=True)
    for line in settings(values, usual):
        console.print(escape(line), soft_wrap=True)


def settings(values: Mapping[str, Any], usual: Any, indent: str = "  ") -> Iterator[str]:
    """The lines of a mapping, and of those within it, further to the right."""
    for key, value in values.items():
        default = usual.get(key, _UNKNOWN) if isinstance(usual, Mapping) else _UNKNOWN
        told = "" if default is _UNKNOWN or default == value else f"  # {_short(default)}"
        if isinstance(value, Mapping) and value:
            yield f"{indent}{key}:" + ("" if isinstance(default, Mapping) else told)
            yield from settings(value, default, indent + "  ")
        else:
            yield f"{indent}{key}: {_short(value)}{told}"


def _short(value: Any) -> str:
    """A value in one line; a long run of whole numbers by its ends."""
    long = isinstance(value, list) and len(value) > ENDS and isinstance(value[0], int)
    if long and value == list(range(value[0], value[0] + len(value))):
        return f"[{value[0]}, {value[1]}, ..., {value[-1]}]"
    return yaml_text.line(value)
