"""Paths that a data set from elsewhere names: they must stay inside it, and nothing is written through a link."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from robot_rl.datasets.errors import DatasetError

_PLAIN = re.compile(r"[^/.\0][^/\0]*(/[^/.\0][^/\0]*)*")


def is_plain(path: Any) -> bool:
    """Whether this is a relative path of which no part is empty or begins with a dot: it leads nowhere else."""
    return isinstance(path, str) and _PLAIN.fullmatch(path) is not None


def check_plain(path: Any, where: object) -> None:
    """Refuse a path that may lead out of the folder it is relative to.

    Args:
        where: what names it, for the message.

    Raises:
        DatasetError: it does.
    """
    if not is_plain(path):
        raise DatasetError(
            f"{where} names {path!r}, which is no path inside a data set: it is damaged, or meant to write elsewhere"
        )


def refuse_links(folder: Path, paths: Iterable[str]) -> None:
    """Refuse to write through symbolic links that lie in a data set.

    Args:
        folder: the data set; it may itself be reached by a link.
        paths: what is to be written, relative to it.

    Raises:
        DatasetError: one of them, or a folder above it, is a link.
    """
    for path in paths:
        for part in (PurePosixPath(path), *PurePosixPath(path).parents[:-1]):
            if (folder / part).is_symlink():
                raise DatasetError(
                    f"{folder / part} is a symbolic link, through which nothing is written: it may lead anywhere. "
                    "Make a copy without links: cp -rL"
                )
