"""The renames an edit is made of. They are read from disk again, also in a data set of unknown origin, and checked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.paths import is_plain, refuse_links
from robot_rl.datasets.store.root import HIDDEN

EDITS = f"{HIDDEN}/edits"
_SHOWN = re.compile(r"zarr\.json|episodes/[0-9]{6,}(/.+)?", re.DOTALL)
_EDIT = re.compile(r"[0-9]{6,}")


@dataclass(frozen=True)
class Move:
    """One rename, paths relative to the data set."""

    source: str
    target: str
    put: str = ""
    """SHA-256 of a file that is put over another, whose copy is kept; empty for a move to where nothing is."""


def check_edit(name: str, where: Path) -> None:
    """Refuse what cannot name an edit's folder. Raises DatasetError that names the file `where` it stands."""
    if not _EDIT.fullmatch(name):
        raise DatasetError(f"{where} names the edit {name!r}, a number of six digits was expected: it is damaged")


def check_moves(moves: Iterable[Move], edit: str, where: Path) -> None:
    """Refuse any move that no edit makes.

    An edit puts what it prepared in place, takes something out, or renames a part of an episode.

    Args:
        edit: name of the edit's folder.

    Raises:
        DatasetError: that names the file `where` they stand.
    """
    for move in moves:
        put = _shown(move.target) and move.source == f"{EDITS}/{edit}/new/{move.target}"
        remove = _shown(move.source) and move.target == f"{EDITS}/{edit}/old/{move.source}"
        rename = _shown(move.source) and _shown(move.target)
        if not put and (move.put or not (remove or rename)):
            raise DatasetError(
                f"{where} moves {move.source!r} to {move.target!r}, as no edit does: the data set is damaged, or meant "
                "to do harm. Nothing was moved; get it anew from a source that you trust"
            )


def inside(path: Path, relative: str) -> Path:
    """Where one end of a move lies in the data set at `path`. Raises DatasetError when a link is in its way."""
    refuse_links(path, [relative])
    return path / relative


def _shown(relative: str) -> bool:
    """Whether this is a part of the data set that edits change."""
    return is_plain(relative) and _SHOWN.fullmatch(relative) is not None
