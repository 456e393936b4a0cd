"""Where a data set lies that somebody named: one rule for every command, every node and every launch description.

- What has a slash in it (`./lift`, `~/lift`, `s3://bucket/lift`), and `.`, is a path or an address, taken as it stands.
- A bare name, `lift`, means `datasets/lift` of the workspace. It means `./lift` only where a data set (a `zarr.json`)
  lies there; a folder of that name that is none is passed over.
"""

from __future__ import annotations

import os
from pathlib import Path

from robot_rl import workspace
from robot_rl.datasets.store.urls import store_url


def dataset_path(name: str) -> Path:
    """Where the data set `name` lies or will lie, by the rule above. Nothing need be there yet."""
    path = Path(name).expanduser()
    bare = os.sep not in name and path == Path(name) and name not in ("", os.curdir, os.pardir)
    if not bare or (path / "zarr.json").is_file():
        return path
    return workspace.root() / "datasets" / name


def from_anywhere(path: Path) -> str:
    """A path from the root, or the address in an object store: the same place for who stands elsewhere."""
    return store_url(path) or str(path.absolute())
