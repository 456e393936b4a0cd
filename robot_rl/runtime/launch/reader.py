"""Reads ROS 2's YAML launch format (package `launch_yaml`): the subset that needs no ROS 2 to run.

Read are the actions `arg`, `let`, `set_env`, `group`, `include`, `node` and `executable` with the attributes in
`_KEYS`, the conditions `if` and `unless`, and the substitutions of `substitution`. Anything else is refused with
its file and line, rather than skipped. What is read means the same to `ros2 launch`: actions are visited in
order, an included file shares the variables of the file that includes it, a group keeps its own.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from robot_rl.runtime.launch import locate
from robot_rl.runtime.launch.description import Argument, LaunchError, Process
from robot_rl.runtime.launch.element import Element, load
from robot_rl.runtime.launch.parameters import parameter_rule
from robot_rl.runtime.launch.substitution import Scope, boolean, evaluate, parse
from robot_rl.workspace import did_you_mean

_CONDITION = ("if", "unless")
_PROCESS = (*_CONDITION, "name", "output", "on_exit", "env", "cwd")
_KEYS = {
    "arg": (*_CONDITION, "name", "default", "description", "choice"),
    "let": (*_CONDITION, "name", "value"),
    "set_env": (*_CONDITION, "name", "value"),
    "group": (*_CONDITION, "children"),
    "include": (*_CONDITION, "file", "arg"),
    "node": (*_PROCESS, "pkg", "exec", "namespace", "args", "ros_args", "param", "remap"),
    "executable": (*_PROCESS, "cmd"),
}
_PAIR = ("name", "value")


def read(path: Path, given: Mapping[str, str], environment: Mapping[str, str] | None = None) -> list[Process]:
    """The processes that a launch file starts with these arguments.

    Args:
        path: a `*.launch.yaml`.
        given: arguments by name; those not given take their defaults.
        environment: what `$(env ...)` sees; by default this process's own.

    Raises:
        LaunchError: the file cannot be read as described above, an argument is unknown, missing or not among its
            choices, a package or executable is not found.
    """
    known = {a.name for a in arguments(path)}
    for name in given:
        if name not in known:
            raise LaunchError(f"{path.name} has no argument '{name}'.{did_you_mean(name, known)}")
    visitor = _Visitor()
    scope = Scope(dict(given), dict(os.environ if environment is None else environment), path.parent)
    visitor.visit_file(path, scope)
    return _unique_names(visitor.processes)


def arguments(path: Path) -> tuple[Argument, ...]:
    """The arguments that a launch file takes: its own, then those of the files it includes and does not set.

    They are known without values for them, so the file of an `include` must not depend on an argument.
    """
    return _arguments(path, ())


def _arguments(path: Path, including: tuple[Path, ...]) -> tuple[Argument, ...]:
    if path in including:
        raise LaunchError(f"{path} includes itself")
    found: dict[str, Argument] = {}
    _declared(load(path).actions(), found, (*including, path))
    return tuple(found.values())


def _declared(actions: Iterable[Element], found: dict[str, Argument], including: tuple[Path, ...]) -> None:
    for element in actions:
        _checked(element)
        if element.kind == "arg":
            argument = _argument(element)
            found.setdefault(argument.name, argument)
        elif element.kind == "group":
            _declared(_children(element), found, including)
        elif element.kind == "include":
            scope = Scope(environment=dict(os.environ), directory=element.path.parent)
            passed = {a.required("name") for a in element.elements("arg")}
            for argument in _arguments(Path(element.resolved("file", scope)), including):
                if argument.name not in passed:
                    found.setdefault(argument.name, argument)


def _children(group: Element) -> Iterator[Element]:
    return group.actions(None if group.is_list else "children")


def _checked(element: Element) -> Element:
    if element.kind not in _KEYS:
        raise element.fail(f"action '{element.kind}' is not read here.{did_you_mean(element.kind, _KEYS)}")
    if not (element.kind == "group" and element.is_list):
        element.check(_KEYS[element.kind])
    return element


def _argument(element: Element) -> Argument:
    choices = []
    for choice in element.elements("choice"):
        choice.check(("value",))
        choices.append(choice.required("value"))
    return Argument(
        element.required("name"), element.text("default"), element.text("description") or "", tuple(choices)
    )


def _pairs(element: Element, name: str, scope: Scope, keys: tuple[str, str] = _PAIR) -> dict[str, str]:
    pairs = {}
    for child in element.elements(name):
        child.check(keys)
        pairs[child.resolved(keys[0], scope)] = child.resolved(keys[1], scope)
    return pairs


def _words(element: Element, name: str, scope: Scope) -> list[str]:
    """A command line, split as a shell would; the value of a substitution is never split."""
    if element.text(name) is None:
        return []
    try:
        return [evaluate(parse(word), scope) for word in _split(element.required(name))]
    except (LaunchError, ValueError) as error:
        raise element.fail(f"{name}: {error}") from None


def _split(text: str) -> list[str]:
    """Split at spaces that are outside of `$(...)`."""
    depth, marked = 0, []
    for i, character in enumerate(text):
        if text.startswith("$(", i):
            depth += 1
        marked.append("\0" if depth and character == " " else character)
        if depth and character == ")":
            depth -= 1
    return [word.replace("\0", " ") for word in shlex.split("".join(marked))]


def _unique_names(processes: list[Process]) -> list[Process]:
    counts: dict[str, int] = {}
    unique = []
    for process in processes:
        counts[process.name] = count = counts.get(process.name, 0) + 1
        unique.append(process if count == 1 else replace(process, name=f"{process.name}-{count}"))
    return unique


class _Visitor:
    """Walks the actions in order, as `ros2 launch` does, and collects the processes."""

    def __init__(self) -> None:
        self.processes: list[Process] = []
        self._actions: dict[str, Callable[[Element, Scope], None]] = {
            "arg": self._arg,
            "let": self._let,
            "set_env": self._set_env,
            "group": self._group,
            "include": self._include,
            "node": self._node,
            "executable": self._executable,
        }

    def visit_file(self, path: Path, scope: Scope) -> None:
        for element in load(path).actions():
            self._visit(element, scope)

    def _visit(self, element: Element, scope: Scope) -> None:
        _checked(element)
        if self._holds(element, scope):
            self._actions[element.kind](element, scope)

    def _holds(self, element: Element, scope: Scope) -> bool:
        if element.is_list:
            return True
        conditions = [(k, element.resolved(k, scope)) for k in _CONDITION if element.text(k) is not None]
        if len(conditions) > 1:
            raise element.fail("'if' and 'unless' cannot stand together")
        try:
            return all(boolean(value) == (kind == "if") for kind, value in conditions)
        except LaunchError as error:
            raise element.fail(f"{conditions[0][0]}: {error}") from None

    def _arg(self, element: Element, scope: Scope) -> None:
        argument = _argument(element)
        if argument.name not in scope.variables:
            if argument.default is None:
                raise element.fail(f"give a value: {argument.name}:=... ({argument.description})")
            scope.variables[argument.name] = element.resolved("default", scope)
        value = scope.variables[argument.name]
        if argument.choices and value not in argument.choices:
            raise element.fail(f"{argument.name}:={value} is not allowed.{did_you_mean(value, argument.choices)}")

    def _let(self, element: Element, scope: Scope) -> None:
        scope.variables[element.resolved("name", scope)] = element.resolved("value", scope)

    def _set_env(self, element: Element, scope: Scope) -> None:
        scope.environment[element.resolved("name", scope)] = element.resolved("value", scope)

    def _group(self, element: Element, scope: Scope) -> None:
        inner = scope.inner()
        for child in _children(element):
            self._visit(child, inner)

    def _include(self, element: Element, scope: Scope) -> None:
        path = Path(element.resolved("file", scope))
        scope.variables.update(_pairs(element, "arg", scope))
        outer, scope.directory = scope.directory, path.parent
        self.visit_file(path, scope)
        scope.directory = outer

    def _executable(self, element: Element, scope: Scope) -> None:
        command = _words(element, "cmd", scope)
        if not command:
            raise element.fail("'cmd' is missing or empty")
        name = element.optional("name", scope) or Path(command[0]).name
        self._add(element, scope, name, command)

    def _node(self, element: Element, scope: Scope) -> None:
        program, package = element.resolved("exec", scope), element.resolved("pkg", scope)
        try:
            found = locate.executable(package, program)
        except LaunchError as error:
            raise element.fail(str(error)) from None
        name, namespace = element.optional("name", scope), element.optional("namespace", scope)
        ros = ["-r", f"__node:={name}"] if name else []
        ros += ["-r", f"__ns:=/{namespace.strip('/')}"] if namespace else []
        for parameter in element.elements("param"):
            ros += parameter_rule(parameter, scope)
        for source, target in _pairs(element, "remap", scope, ("from", "to")).items():
            ros += ["-r", f"{source}:={target}"]
        ros += _words(element, "ros_args", scope)
        command = [str(found), *_words(element, "args", scope), *(["--ros-args", *ros] if ros else [])]
        self._add(element, scope, name or program, command, package)

    def _add(self, element: Element, scope: Scope, name: str, command: list[str], package: str | None = None) -> None:
        on_exit, output = element.text("on_exit"), element.optional("output", scope) or "log"
        if on_exit not in (None, "shutdown"):
            raise element.fail(f"on_exit: '{on_exit}' is not read here; allowed: shutdown")
        if output not in ("screen", "log", "both"):
            raise element.fail(f"output: '{output}' is not read here; allowed: screen, log, both")
        cwd = element.optional("cwd", scope)
        self.processes.append(
            Process(
                name,
                tuple(command),
                package,
                {**_changed(scope.environment), **_pairs(element, "env", scope)},
                Path(cwd) if cwd else None,
                required=on_exit == "shutdown",
                screen=output != "log",
            )
        )


def _changed(environment: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environment.items() if os.environ.get(k) != v}
