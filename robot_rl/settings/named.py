"""Configurations of which there are several kinds: a mapping's `name` says which, the rest are that kind's options."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from robot_rl.settings.typed import SettingError, default_of, dotted, fill, value
from robot_rl.workspace import did_you_mean


def named(
    data: Any,
    kinds: Mapping[str, str],
    what: str,
    where: str,
    *,
    around: Collection[str] = (),
    error: type[Exception] = SettingError,
) -> Any:
    """The dataclass that `{"name": ..., option: value}` describes.

    Args:
        kinds: `module:Class` of each by its name; imported when it is asked for.
        what: what a message calls one of them.
        where: the dotted key of `data` in its file.
        around: the options beside `data`, one level up, where one of those may have been meant.
        error: raised instead of SettingError.

    Raises:
        SettingError: there is no such kind or option, or a value is not allowed; the message names it, and says where
            an option belongs that another kind has.
    """
    try:
        options = dict(value(Mapping[str, Any], data, where))
        name = value(str, options.pop("name", None), dotted(where, "name"))
        if name not in kinds:
            raise SettingError(f"no {what} '{name}'.{did_you_mean(name, kinds)}")
        made = _imported(kinds[name])
        for key in options:
            places = _places(key, name, made, kinds, what, where, around) if key not in _options(made) else []
            if places:
                raise SettingError(f"{where}: unknown option '{key}' of {what} '{name}': {' or '.join(places)}.")
    except SettingError as wrong:
        raise error(str(wrong)) from None
    return fill(made, options, where, error=error)


def _places(
    key: str, name: str, made: Any, kinds: Mapping[str, str], what: str, where: str, around: Collection[str]
) -> list[str]:
    """Where an option belongs that the kind `name` does not have: in a section of its own, one level up, or in other
    kinds; empty where nothing has it."""
    sections = [f.name for f in dataclasses.fields(made) if key in _options(default_of(f))]
    places = [dotted(dotted(where, section), key) for section in sections]
    if key in around:
        places.append(dotted(where.rpartition(".")[0], key))
    out = [f"it belongs at {place}" for place in places]
    if others := [kind for kind in kinds if kind != name and _has(kinds[kind], key)]:
        out.append(f"{what} {_listed(others)} has it" if len(others) == 1 else f"{what}s {_listed(others)} have it")
    return out


def _has(kind: str, key: str) -> bool:
    """Whether a kind, if what it needs is installed, has that option."""
    try:
        return key in _options(_imported(kind))
    except ImportError:
        return False


def _options(made: Any) -> list[str]:
    """The options of a configuration dataclass, or of one's instance; none of anything else."""
    return [f.name for f in dataclasses.fields(made) if f.init] if dataclasses.is_dataclass(made) else []


def _imported(kind: str) -> Any:
    module, _, attribute = kind.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _listed(names: Iterable[str]) -> str:
    *most, last = (f"'{n}'" for n in names)
    return f"{', '.join(most)} and {last}" if most else last
