"""Configurations of which there are several kinds: a mapping's `name` says which, the rest are that kind's options."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from robot_rl.settings.typed import SettingError, dotted, fill, value
from robot_rl.workspace import did_you_mean


def named(data: Any, kinds: Mapping[str, str], what: str, where: str, *, error: type[Exception] = SettingError) -> Any:
    """The dataclass that `{"name": ..., option: value}` describes.

    Args:
        kinds: `module:Class` of each by its name; imported when it is asked for.
        what: what a message calls one of them.
        where: the dotted key of `data` in its file.
        error: raised instead of SettingError.

    Raises:
        SettingError: there is no such kind or option, or a value is not allowed; the message names it.
    """
    try:
        options = dict(value(Mapping[str, Any], data, where))
        name = value(str, options.pop("name", None), dotted(where, "name"))
        if name not in kinds:
            raise SettingError(f"no {what} '{name}'.{did_you_mean(name, kinds)}")
    except SettingError as wrong:
        raise error(str(wrong)) from None
    module, _, attribute = kinds[name].partition(":")
    return fill(getattr(importlib.import_module(module), attribute), options, where, error=error)
