"""Checks that configurations share: options that there are not, and numbers that are too small."""

from __future__ import annotations

from collections.abc import Iterable

from robot_rl.workspace import did_you_mean


def refuse_unknown(
    given: Iterable[str], known: Iterable[str], where: str = "", error: type[Exception] = ValueError
) -> None:
    """Raise `error` at the first of the `given` options that is not among the `known`, naming the nearest.

    Args:
        where: what the message begins with, e.g. `online: `.
    """
    known = tuple(known)
    for key in given:
        if key not in known:
            raise error(f"{where}unknown option '{key}'.{did_you_mean(key, known)}")


def require_at_least(
    least: float, config: object, names: Iterable[str], where: str = "", error: type[Exception] = ValueError
) -> None:
    """Raise `error` at the first of the options `names` of `config` that is below `least`.

    Args:
        where: what the message begins with, e.g. `act head: `.
    """
    for name in names:
        if getattr(config, name) < least:
            raise error(f"{where}{name} is {getattr(config, name)}; it must be at least {least}")
