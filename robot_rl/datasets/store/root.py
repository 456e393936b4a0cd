"""The attributes of a data set's root, checked; and what a folder that is no data set may be instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.codecs import ImageCodec
from robot_rl.datasets.store.files import read_json
from robot_rl.datasets.store.streams import camera_from_attributes, stream_fields
from robot_rl.spec import Spec, SpecError
from robot_rl.workspace import did_you_mean

FORMAT = 1
"""Version of the layout on disk."""
_KEYS = ("spec", "identity", "cameras", "codecs")


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
        spec = Spec.from_dict(root["spec"])
        cameras = {n: camera_from_attributes(n, c) for n, c in root["cameras"].items()}
        fields = stream_fields(spec, cameras)
        for codec in root["codecs"].values():
            ImageCodec.parse(codec)
    except (SpecError, DatasetError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{path / 'zarr.json'}: the description is damaged: {error}; {remedy}") from None
    images = {n for n, f in fields.items() if f.is_image}
    if missing := sorted(images - set(root["codecs"])):
        raise DatasetError(f"{path / 'zarr.json'}: codecs lack the picture stream '{missing[0]}'; {remedy}")
    if not (path / "episodes").is_dir():
        raise DatasetError(f"{path / 'episodes'} is missing: the folder was copied in part; copy it again")


def foreign(path: Path) -> str | None:
    """What another project's data set is called, by the files it has; None when it is none that is known."""
    if path.is_file():
        if path.suffix in (".hdf5", ".h5"):
            return "an HDF5 file (robomimic?)"
        if path.suffix in (".mcap", ".db3", ".bag"):
            return "a ROS bag"
        return "a zipped Zarr store (diffusion_policy?)" if path.name.endswith(".zarr.zip") else None
    known = (
        ("meta/info.json", "a LeRobotDataset"),
        ("meta/episode_ends", "a diffusion_policy replay buffer"),
        ("data/main_data.hdf5", "a Minari data set"),
        ("metadata.yaml", "a ROS bag"),
    )
    for file, kind in known:
        if (path / file).exists():
            return kind
    if next(path.glob("*.mcap"), None) is not None:
        return "a ROS bag"
    return "a Zarr v2 store" if (path / ".zgroup").is_file() else None


def convert_command(path: Path, kind: str) -> str:
    """The command that makes a robot_rl data set of it."""
    formats = {
        "LeRobot": "lerobot",
        "robomimic": "robomimic",
        "diffusion_policy": "diffusion-policy",
        "Minari": "minari",
        "ROS": "rosbag",
    }
    name = next((option for word, option in formats.items() if word in kind), None)
    if name is None:
        return "robot-rl convert --help lists what can be imported"
    return f"robot-rl convert {path} NEW_NAME --from {name}"
