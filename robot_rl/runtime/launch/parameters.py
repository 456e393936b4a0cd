"""ROS parameters of a node as command-line rules, with their types checked before anything starts."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import yaml

from robot_rl.runtime.launch.description import LaunchError
from robot_rl.runtime.launch.element import Element, Scalar
from robot_rl.runtime.launch.substitution import Scope, boolean

_TYPES: dict[str, Callable[[str], Scalar]] = {"str": str, "int": int, "float": float, "bool": boolean}


def parameter_rule(element: Element, scope: Scope) -> list[str]:
    """`-p name:=value` or `--params-file path` for one `param` of a node.

    Args:
        element: with `name`, `value` and maybe `type`; or with `from`, a parameter file.
        scope: for the substitutions in them.

    Raises:
        LaunchError: the value is not of its type, or the type is not known.
    """
    element.check(("name", "value", "type", "from"))
    if element.text("from") is not None:
        return ["--params-file", element.resolved("from", scope)]
    value = element.scalar("value")
    if value is None:
        raise element.fail("'value' is missing")
    if isinstance(value, str):
        value = _typed(element, element.resolved("value", scope))
    elif element.text("type") not in (None, type(value).__name__):
        raise element.fail(f"value {value} is not of type {element.text('type')}")
    return ["-p", f"{element.resolved('name', scope)}:={_written(value)}"]


def _typed(element: Element, text: str) -> Scalar:
    kind = element.text("type")
    if kind is None:
        value = yaml.safe_load(text) if text else ""
        if not isinstance(value, Scalar):
            raise element.fail(f"value '{text}' is not a single text, number or boolean: give its type")
        return value
    if kind not in _TYPES:
        raise element.fail(f"type '{kind}' is not read here; allowed: {', '.join(_TYPES)}")
    try:
        return _TYPES[kind](text)
    except (ValueError, LaunchError):
        name = element.text("name")
        raise element.fail(f"parameter '{name}': '{text}' is not of type {kind}") from None


def _written(value: Scalar) -> str:
    """A value in YAML: JSON is YAML, except for what is not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else f"{'-' if value < 0 else ''}.inf"
    return json.dumps(value)
