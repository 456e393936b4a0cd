"""A launch file's YAML with the place of everything in it, so that each error names its file and line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from yaml.constructor import SafeConstructor

from robot_rl.runtime.launch.description import LaunchError
from robot_rl.runtime.launch.substitution import Scope, evaluate, parse
from robot_rl.workspace import did_you_mean

Scalar = str | int | float | bool


@dataclass(frozen=True)
class Element:
    """One action or attribute group of a launch file, such as `node` or `arg`."""

    kind: str
    node: yaml.Node
    path: Path

    def fail(self, message: str, node: yaml.Node | None = None) -> LaunchError:
        """An error that names the place."""
        return LaunchError(f"{self.path}:{(node or self.node).start_mark.line + 1}: {self.kind}: {message}")

    @property
    def is_list(self) -> bool:
        """Whether it holds a plain list of actions, as a group without conditions may."""
        return isinstance(self.node, yaml.SequenceNode)

    def check(self, allowed: tuple[str, ...]) -> None:
        """Raises LaunchError for a key that is not allowed, or that is given twice."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.fail(f"expected a mapping with some of {', '.join(allowed)}")
        seen = set()
        for key, _ in self.node.value:
            name = str(key.value)
            if name not in allowed:
                raise self.fail(f"key '{name}' is not read here.{did_you_mean(name, allowed)}", key)
            if name in seen:
                raise self.fail(f"key '{name}' is given twice", key)
            seen.add(name)

    def _get(self, name: str) -> yaml.Node | None:
        found: yaml.Node | None = next((v for k, v in self.node.value if k.value == name), None)
        return found

    def scalar(self, name: str) -> Scalar | None:
        """An attribute as YAML reads it, or None where it is absent."""
        node = self._get(name)
        if node is None:
            return None
        value = SafeConstructor().construct_object(node, deep=True)
        if not isinstance(value, Scalar):
            raise self.fail(f"'{name}' must be a single text, number or boolean", node)
        return value

    def text(self, name: str) -> str | None:
        """An attribute that must be text, or None where it is absent.

        ROS 2's reader takes no other type for most attributes, so `default: 5` must be written `default: "5"`.
        """
        value = self.scalar(name)
        if value is None or isinstance(value, str):
            return value
        raise self.fail(f"'{name}: {value}' is not text: write it in quotes", self._get(name))

    def required(self, name: str) -> str:
        """An attribute that must be there. Raises LaunchError where it is not."""
        value = self.text(name)
        if value is None:
            raise self.fail(f"'{name}' is missing")
        return value

    def resolved(self, name: str, scope: Scope) -> str:
        """An attribute that must be there, with its substitutions carried out. Raises LaunchError."""
        text = self.required(name)
        try:
            return evaluate(parse(text), scope)
        except LaunchError as error:
            raise self.fail(f"{name}: {error}", self._get(name)) from None

    def optional(self, name: str, scope: Scope) -> str | None:
        """The same for an attribute that may be absent."""
        return None if self.text(name) is None else self.resolved(name, scope)

    def elements(self, name: str) -> list[Element]:
        """The list of mappings under an attribute; empty where it is absent."""
        node = self._get(name)
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self.fail(f"'{name}' must be a list", node)
        return [Element(f"{self.kind}.{name}", child, self.path) for child in node.value]

    def actions(self, name: str | None = None) -> Iterator[Element]:
        """The actions in a list: this element's own, or the one under an attribute. Each has one key, its kind."""
        node = self.node if name is None else self._get(name)
        if not isinstance(node, yaml.SequenceNode):
            raise self.fail("expected a list of actions", node)
        for child in node.value:
            if not isinstance(child, yaml.MappingNode) or len(child.value) != 1:
                raise self.fail("each action is a mapping with one key, such as `- node: ...`", child)
            key, value = child.value[0]
            yield Element(str(key.value), value, self.path)


def load(path: Path) -> Element:
    """The `launch:` list of a file. Raises LaunchError where it cannot be read or is not one."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise LaunchError(f"{path} cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise LaunchError(f"{path} is not YAML: {error}") from None
    if not isinstance(root, yaml.MappingNode) or [k.value for k, _ in root.value] != ["launch"]:
        raise LaunchError(f"{path} must hold one key, `launch`, with a list of actions")
    return Element("launch", root.value[0][1], path)
