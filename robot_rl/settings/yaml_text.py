"""YAML as every file of robot_rl is read and written: safe, and with the numbers of YAML 1.2.

PyYAML reads YAML 1.1, in which `1e-3` and `3E5` are texts, because they have no point or no sign, and `1:30.5` is a
number of base 60. Here the former are numbers and the latter is a text, as in YAML 1.2 (section 10.3.2) and in JSON.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

YAMLError = yaml.YAMLError
_MERGE = "tag:yaml.org,2002:merge"
_FLOAT = "tag:yaml.org,2002:float"
_NUMBER = re.compile(
    r"^(?:[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"  # with a point
    r"|[-+]?[0-9]+[eE][-+]?[0-9]+"  # or with an exponent; neither is a whole number
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_FIRST = "-+.0123456789"


def _resolvers(of: dict[str, list[tuple[str, re.Pattern[str]]]]) -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """PyYAML's rules for plain scalars by their first character, with the floating-point numbers of YAML 1.2."""
    out = {first: [rule for rule in rules if rule[0] != _FLOAT] for first, rules in of.items()}
    for first in _FIRST:
        out.setdefault(first, []).append((_FLOAT, _NUMBER))
    return out


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = _resolvers(yaml.SafeLoader.yaml_implicit_resolvers)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A key given twice is a mistake (YAML 1.2, section 3.2.1.1), which PyYAML passes over: the last one holds."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"key '{key.value}' is given twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers = _resolvers(yaml.SafeDumper.yaml_implicit_resolvers)


class _LineDumper(_Dumper):
    """Writes a text with line breaks in double quotes, where they are escapes; other quotes keep them."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = '"' if "\n" in data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_LineDumper.add_representer(str, _LineDumper.represent_str)


def load(text: str) -> Any:
    """The one document in `text`. Raises YAMLError."""
    return yaml.load(text, Loader=_Loader)


def dump(data: Any) -> str:
    """`data` as text in its own order; `load` reads it back, texts such as '1e5' included."""
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False))


def line(data: Any) -> str:
    """`data` as one line of YAML, as it stands behind a key."""
    text = str(yaml.dump(data, Dumper=_LineDumper, sort_keys=False, default_flow_style=True, width=math.inf))
    return text.removesuffix("...\n").strip()
