"""Substitutions of ROS 2's launch files, `$(var robot)`, `$(equals $(var device) scripted)`: parsing and meaning.

The grammar is that of the ROS 2 package `launch` (rolling, `frontend/grammar.lark`): within `$(name a b)` the
arguments are separated by single spaces, may be quoted with ' or ", and may hold further substitutions; a
backslash takes the next character as it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from robot_rl.runtime.launch import locate
from robot_rl.runtime.launch.description import LaunchError
from robot_rl.workspace import did_you_mean

TRUE, FALSE = ("true", "1"), ("false", "0")


@dataclass(frozen=True)
class Call:
    """`$(function argument ...)`, not yet evaluated."""

    function: str
    arguments: tuple[Template, ...]


Template = tuple["str | Call", ...]
"""Text and calls, to be joined."""


@dataclass
class Scope:
    """What substitutions see at one place of a launch description."""

    variables: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    directory: Path = Path()
    """Of the launch file, for `$(dirname)`."""

    def inner(self) -> Scope:
        """A copy for a group: what is set inside stays inside."""
        return Scope(dict(self.variables), dict(self.environment), self.directory)


_CALL = re.compile(r"\$\(([A-Za-z][A-Za-z0-9_-]*)")


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def template(self, end: str) -> Template:
        """Parts up to one of the characters in `end`, or the end of the text; `end` is not consumed."""
        parts: list[str | Call] = []
        while self.at < len(self.text) and self.text[self.at] not in end:
            part = self._call() if self.text.startswith("$(", self.at) else self._character(quoting=" " in end)
            if isinstance(part, str) and parts and isinstance(parts[-1], str):
                parts[-1] += part
            else:
                parts.append(part)
        return tuple(parts)

    def _character(self, quoting: bool) -> str:
        character = self.text[self.at]
        if character == "\\" and self.at + 1 < len(self.text):
            self.at += 1
            character = self.text[self.at]
            if quoting and character == " ":
                raise LaunchError("a space cannot be escaped within an argument: quote the argument")
        elif quoting and character in "'\"(":
            raise LaunchError(f"a {character} in the middle of an argument: write \\{character}, or quote the argument")
        self.at += 1
        return character

    def _call(self) -> Call:
        match = _CALL.match(self.text, self.at)
        if match is None:
            raise LaunchError("'$(' is not followed by the name of a substitution")
        self.at = match.end()
        arguments = []
        while self.text.startswith(" ", self.at):
            self.at += 1
            arguments.append(self._argument())
        if not self.text.startswith(")", self.at):
            raise LaunchError(f"'$({match[1]}' is not closed with ')'")
        self.at += 1
        return Call(match[1], tuple(arguments))

    def _argument(self) -> Template:
        quote = self.text[self.at : self.at + 1]
        if quote not in ("'", '"'):
            found = self.template(" )")
            if not found:
                raise LaunchError("an empty argument: put exactly one space between arguments, or write ''")
            return found
        self.at += 1
        found = self.template(quote)
        if not self.text.startswith(quote, self.at):
            raise LaunchError(f"the quote {quote} is not closed")
        self.at += 1
        return found


def parse(text: str) -> Template:
    """A text as literal parts and calls. Raises LaunchError where the grammar does not hold."""
    parser = _Parser(text)
    try:
        return parser.template(end="")
    except LaunchError as error:
        raise LaunchError(f"in '{text}': {error}") from None


def boolean(text: str) -> bool:
    """true, 1, false or 0 in any case, as launch conditions read them. Raises LaunchError for anything else."""
    value = text.strip().lower()
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise LaunchError(f"'{text}' is neither true nor false; allowed: {', '.join(TRUE + FALSE)}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _equal(left: str, right: str) -> bool:
    if left.lower() in TRUE + FALSE and right.lower() in TRUE + FALSE:
        return boolean(left) == boolean(right)
    if _is_number(left) and _is_number(right):
        return math.isclose(float(left), float(right))
    return left == right


def _lookup(kind: str, known: Mapping[str, str], arguments: tuple[str, ...]) -> str:
    name, *default = arguments
    if name in known:
        return known[name]
    if default:
        return default[0]
    raise LaunchError(f"{kind} '{name}' is not set." + (did_you_mean(name, known) if kind == "argument" else ""))


def _word(value: bool) -> str:
    return "true" if value else "false"


_FUNCTIONS: dict[str, tuple[range, Callable[[Scope, tuple[str, ...]], str]]] = {
    "var": (range(1, 3), lambda s, a: _lookup("argument", s.variables, a)),
    "env": (range(1, 3), lambda s, a: _lookup("environment variable", s.environment, a)),
    "dirname": (range(1), lambda s, a: str(s.directory)),
    "find-pkg-share": (range(1, 2), lambda s, a: str(locate.share(a[0]))),
    "equals": (range(2, 3), lambda s, a: _word(_equal(*a))),
    "not-equals": (range(2, 3), lambda s, a: _word(not _equal(*a))),
    "not": (range(1, 2), lambda s, a: _word(not boolean(a[0]))),
    "and": (range(2, 3), lambda s, a: _word(boolean(a[0]) & boolean(a[1]))),
    "or": (range(2, 3), lambda s, a: _word(boolean(a[0]) | boolean(a[1]))),
}
"""Name -> how many arguments it takes, and its meaning."""


def evaluate(template: Template, scope: Scope) -> str:
    """The text that a template stands for. Raises LaunchError for an unknown function, argument or package."""
    return "".join(part if isinstance(part, str) else _call(part, scope) for part in template)


def _call(call: Call, scope: Scope) -> str:
    if call.function not in _FUNCTIONS:
        raise LaunchError(
            f"substitution '$({call.function} ...)' is not read here.{did_you_mean(call.function, _FUNCTIONS)}"
        )
    counts, meaning = _FUNCTIONS[call.function]
    if "equals" in call.function and () in call.arguments:
        raise LaunchError(
            "ROS 2 reads '' in $(equals ...) as the text '[]', so compare with a letter before both: $(equals x... x)"
        )
    if len(call.arguments) not in counts:
        wanted = " or ".join(str(n) for n in counts)
        raise LaunchError(f"'$({call.function} ...)' takes {wanted} argument(s), not {len(call.arguments)}")
    return meaning(scope, tuple(evaluate(a, scope) for a in call.arguments))
