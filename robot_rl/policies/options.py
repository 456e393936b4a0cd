"""A check that configurations share: numbers that are too small."""

from __future__ import annotations

from collections.abc import Iterable


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
