"""The root of a data set: an empty one is made, and the attributes of one that is there are read and checked."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.description import FORMAT, Description
from robot_rl.datasets.store.files import fsync, fsync_tree, read_json, write_group
from robot_rl.datasets.store.foreign import convert_command, foreign
from robot_rl.datasets.store.paths import refuse_links
from robot_rl.spec import SpecError
from robot_rl.workspace import did_you_mean

HIDDEN = ".robot_rl"
"""The folder in a data set that Zarr does not see: lock, journal, episodes being recorded, edits."""
_KEYS = ("spec", "identity", "cameras", "codecs")
_WRITTEN = ("episodes", *(f"{HIDDEN}/{name}" for name in ("incoming", "edits", "lock", "journal.jsonl")))
"""What a writer changes in place, beside the files that it replaces."""


def make_folder(path: Path, root: Mapping[str, Any]) -> None:
    """Create the directory of an empty data set with its groups at once. Raises DatasetError if that fails."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        write_group(temporary, root)
        write_group(temporary / "episodes", {})
        (temporary / HIDDEN / "incoming").mkdir(parents=True)
        (temporary / HIDDEN / "journal.jsonl").touch()
        fsync_tree(temporary)
        os.replace(temporary, path)
        fsync(path.parent)
    except OSError as error:
        raise DatasetError(f"{path} cannot be created: {error}") from None


def read_root(path: Path) -> dict[str, Any]:
    """The attributes of the data set at `path`.

    Raises:
        DatasetError: there is none, it is of another kind or version, or its description is damaged; the message
            names the file, the field and what to do.
    """
    if not (path / "zarr.json").is_file():
        if (kind := foreign(path)) is not None:
            raise DatasetError(f"{path} is {kind}, no robot_rl data set: {convert_command(path, kind)}")
        siblings = [p.parent.name for p in path.parent.glob("*/zarr.json")] if path.parent.is_dir() else []
        raise DatasetError(f"{path} is not a data set (no zarr.json).{did_you_mean(path.name, siblings)}")
    root = read_json(path / "zarr.json").get("attributes")
    if not isinstance(root, dict) or not {"format", "spec"} & set(root):
        raise DatasetError(
            f"{path} is a Zarr store of another kind: its attributes hold no robot_rl 'format' and 'spec'. "
            "Read it with zarr, or convert it: robot-rl convert --help lists what can be imported"
        )
    _check_version(path, root)
    _check_description(path, root)
    return root


def check_writable(path: Path) -> None:
    """Refuse to write where a link may lead out of the data set. Raises DatasetError."""
    refuse_links(path, _WRITTEN)


def _check_version(path: Path, root: dict[str, Any]) -> None:
    version, writer = root.get("format"), str(root.get("software", "robot_rl"))
    if version == FORMAT:
        return
    if isinstance(version, int) and version > FORMAT:
        raise DatasetError(
            f"{path} has format {version}, written by {writer}; this robot_rl reads {FORMAT}: pip install -U robot_rl"
        )
    name, _, number = writer.partition(" ")
    command = f"pip install '{name}=={number}'" if number else "install the robot_rl that wrote it"
    raise DatasetError(
        f"{path / 'zarr.json'}: format is {version!r}, this robot_rl reads {FORMAT}. It was written by {writer}: "
        f"{command} reads it"
    )


def _check_description(path: Path, root: dict[str, Any]) -> None:
    """Every part of the description can be read. Raises DatasetError that names file and field."""
    remedy = "restore zarr.json from a copy of the data set; the episodes are not touched by this"
    for key in _KEYS:
        if key not in root:
            raise DatasetError(f"{path / 'zarr.json'}: '{key}' is missing among the attributes; {remedy}")
    try:
        fields = Description.of(root).fields
    except (SpecError, DatasetError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{path / 'zarr.json'}: the description is damaged: {error}; {remedy}") from None
    images = {n for n, f in fields.items() if f.is_image}
    if missing := sorted(images - set(root["codecs"])):
        raise DatasetError(f"{path / 'zarr.json'}: codecs lack the picture stream '{missing[0]}'; {remedy}")
    if not (path / "episodes").is_dir():
        raise DatasetError(f"{path / 'episodes'} is missing: the folder was copied in part; copy it again")
