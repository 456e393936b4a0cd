"""Where the files of a LeRobotDataset lie: as its tables say, which may come from anywhere, and within its folder."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from robot_rl.datasets.errors import DatasetError

_PLACE = re.compile(r"\{(\w+)(?::\d{0,2}d?)?\}")
"""A field in braces, perhaps as a number of so many digits."""


def inside(root: Path, named: Any, where: str) -> Path:
    """The file that is `named` relative to the folder `root`.

    Links that lie in the folder are followed: the cache of Hugging Face is made of them.

    Args:
        where: what names it, for the error.

    Raises:
        DatasetError: it is no path, an absolute one, or one that leads out of the folder.
    """
    if not isinstance(named, str) or not named:
        raise DatasetError(f"{root}: {where} is {named!r}; the path of a file in this folder was expected")
    relative = os.path.normpath(named)
    if os.path.isabs(relative) or relative.split(os.sep)[0] == os.pardir:
        raise DatasetError(f"{root}: {where} is '{named}', which lies outside of this folder: it is not read")
    return root / relative


def filled(root: Path, template: Any, where: str, **values: Any) -> Path:
    """The file in the folder `root` that a template of meta/info.json names.

    Args:
        where: key of the template.
        values: what may stand in it in braces.

    Raises:
        DatasetError: something else stands in it, or as `inside`.
    """
    text = template if isinstance(template, str) else ""
    unknown = set(_PLACE.findall(text)) - set(values)
    if not text or unknown or set("{}") & set(_PLACE.sub("", text)):
        raise DatasetError(
            f"{root}: {where} in meta/info.json is {template!r}; a path was expected, with "
            f"{', '.join(f'{{{name}}}' for name in values)} in it"
        )
    try:
        return inside(root, text.format(**values), where)
    except ValueError as error:
        raise DatasetError(f"{root}: {where} in meta/info.json is '{text}': {error}") from None
