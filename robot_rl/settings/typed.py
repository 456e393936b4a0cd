"""Configuration dataclasses from mappings, each value checked against its field's type.

    fill(TrainConfig, {"lr": "fast"})      SettingError: lr is 'fast'; it must be a number

Values are taken as YAML and JSON give them: lists fill tuples, mappings fill dataclasses, 20.0 is a whole number and
20.5 is none, a single text stands for a list of one, true is no number and 1 not true.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from robot_rl.workspace import did_you_mean

T = TypeVar("T")
Reader = Callable[[Any, str], Any]
"""Makes a value of what is given for a key; the second argument is that key, dotted."""


class SettingError(ValueError):
    """A value of the wrong kind, or a key that is unknown or missing; the message names the key and what is allowed."""


def fill(
    made: type[T],
    data: Any,
    where: str = "",
    *,
    error: type[Exception] = SettingError,
    readers: Mapping[str, Reader] | None = None,
) -> T:
    """The configuration dataclass that `data` describes, with its own defaults for what is left out.

    Args:
        where: the dotted key of `data` itself in its file.
        error: raised instead of SettingError.
        readers: for keys whose types do not say how they are read.

    Raises:
        SettingError: an unknown or missing key, or a value of the wrong kind. What the dataclass itself raises for
            values that make no sense goes through.
    """
    try:
        values = checked(made, data, where, readers=readers)
        for field in dataclasses.fields(made):  # type: ignore[arg-type]
            if field.init and field.name not in values and default_of(field) is dataclasses.MISSING:
                raise SettingError(f"'{dotted(where, field.name)}' is missing")
    except SettingError as wrong:
        raise error(str(wrong)) from None
    return made(**values)


def checked(made: Any, data: Any, where: str = "", *, readers: Mapping[str, Reader] | None = None) -> dict[str, Any]:
    """The values of `data` as the fields of `made` hold them; what is missing is left out. Raises SettingError."""
    if not isinstance(data, Mapping):
        raise _wrong(made, data, where)
    fields = {f.name: f for f in dataclasses.fields(made) if f.init}
    refuse_unknown(data, fields, f"{where}: " if where else "", SettingError)
    hints, readers, out = _hints(made), readers or {}, {}
    for key, given in data.items():
        default = default_of(fields[key])
        if key in readers:
            out[key] = readers[key](given, dotted(where, key))
        elif dataclasses.is_dataclass(default) and isinstance(given, Mapping):
            own = checked(type(default), given, dotted(where, key))  # the field's default may not be its class's
            out[key] = dataclasses.replace(default, **own)  # type: ignore[type-var]
        else:
            out[key] = value(hints[key], given, dotted(where, key))
    return out


def value(hint: Any, given: Any, where: str) -> Any:
    """`given` as a value of the type `hint`. Raises SettingError."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _union(hint, given, where)
    if origin is Literal:
        if any(given == a and type(given) is type(a) for a in arguments):
            return given
        raise _wrong(hint, given, where)
    if origin is tuple:
        return _tuple(hint, given, where)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(hint, given, where)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type) and not isinstance(given, hint):
        return fill(hint, given, where)
    if hint in _PLAIN:
        taken = _PLAIN[hint](given)
        if taken is None:
            raise _wrong(hint, given, where)
        return taken
    return given


def refuse_unknown(
    given: Iterable[Any], known: Iterable[str], where: str = "", error: type[Exception] = SettingError
) -> None:
    """Raise `error` at the first of the `given` options that is not among the `known`, naming the nearest.

    Args:
        where: what the message begins with, e.g. `online: `.
    """
    known = tuple(known)
    for key in given:
        if key not in known:
            raise error(f"{where}unknown option '{key}'.{did_you_mean(str(key), known)}")


def dotted(where: str, key: Any) -> str:
    """The key `key` within `where`."""
    return f"{where}.{key}" if where else str(key)


def _number(given: Any) -> float | None:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    try:
        number = float(given)
    except OverflowError:
        return None
    return None if math.isnan(number) else number


def _whole(given: Any) -> int | None:
    number = _number(given)
    return int(given) if number is not None and number.is_integer() else None


_PLAIN: dict[Any, Callable[[Any], Any]] = {
    bool: lambda given: given if isinstance(given, bool) else None,
    int: _whole,
    float: _number,
    str: lambda given: given if isinstance(given, str) else None,
    Path: lambda given: Path(given) if isinstance(given, str | Path) else None,
}
_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path",
    type(None): "null",
}


def _union(hint: Any, given: Any, where: str) -> Any:
    """The first member that takes it; the only one besides null says what is wrong with it."""
    members = [a for a in get_args(hint) if a is not type(None)]
    if given is None and len(members) < len(get_args(hint)):
        return None
    if len(members) == 1:
        return value(members[0], given, where)
    for member in members:
        try:
            return value(member, given, where)
        except SettingError:
            continue
    raise _wrong(hint, given, where)


def _tuple(hint: Any, given: Any, where: str) -> tuple[Any, ...]:
    members = get_args(hint)
    if isinstance(given, str | Path) and members in ((str, ...), (Path, ...)):
        given = (given,)
    if not isinstance(given, list | tuple):
        raise _wrong(hint, given, where)
    if members[-1] is not ... and len(given) != len(members):
        raise _wrong(hint, given, where)
    each = [members[0]] * len(given) if members[-1] is ... else members
    return tuple(value(m, g, f"{where}[{i}]") for i, (m, g) in enumerate(zip(each, given)))


def _mapping(hint: Any, given: Any, where: str) -> dict[Any, Any]:
    if not isinstance(given, Mapping):
        raise _wrong(hint, given, where)
    keys, values = get_args(hint)
    return {value(keys, k, f"{where}, key {k!r}"): value(values, v, dotted(where, k)) for k, v in given.items()}


def _wrong(hint: Any, given: Any, where: str) -> SettingError:
    shown = "empty" if given is None else repr(given)
    quotes = ": put it in quotes" if hint is str and isinstance(given, int | float) else ""
    return SettingError(f"{where or 'the whole'} is {shown}; it must be {_words(hint)}{quotes}")


def _words(hint: Any) -> str:
    """What a hint allows, in words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_words(a) for a in arguments)
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if origin is tuple and arguments[-1] is ...:
        return f"a list, each item {_words(arguments[0])}"
    if origin is tuple:
        return f"a list of {len(arguments)}: {', '.join(map(_words, arguments))}"
    return _WORDS.get(hint, "a mapping")


def default_of(field: dataclasses.Field[Any]) -> Any:
    """What a field holds that is left out; `dataclasses.MISSING` where it must be given."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


@cache
def _hints(made: Any) -> dict[str, Any]:
    """The type of each field of a class."""
    return get_type_hints(made)
