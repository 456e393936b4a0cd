"""An episode's attributes after a change: checksums and digest follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from robot_rl.datasets.store.episode_attributes import complete
from robot_rl.datasets.store.files import group_json
from robot_rl.datasets.store.index import episode_name


def episode_path(number: int, inside: str = "") -> str:
    """Path of an episode, or of something inside it, relative to the data set."""
    return f"episodes/{episode_name(number)}" + (f"/{inside}" if inside else "")


def episode_json(attributes: Mapping[str, Any], changes: Mapping[str, Any]) -> bytes:
    """The zarr.json of an episode with these attributes, changed."""
    return group_json(complete(attributes, changes))
