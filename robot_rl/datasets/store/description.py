"""What the attributes of a data set's root say of its robot: spec, cameras, streams and how pictures are stored."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import robot_rl
from robot_rl.datasets.store.codecs import ImageCodec
from robot_rl.datasets.store.streams import camera_attributes, camera_from_attributes, image_codecs, stream_fields
from robot_rl.hardware.config import CameraConfig
from robot_rl.spec import Field, Spec

FORMAT = 1
"""Version of the layout on disk."""


@dataclass(frozen=True)
class Description:
    """Read from the attributes of a root."""

    attributes: dict[str, Any]
    """As they stand in zarr.json."""
    identity: str
    """The same for ever, also in copies."""
    spec: Spec
    cameras: dict[str, CameraConfig]
    fields: dict[str, Field]
    """Every stream by name."""
    codecs: dict[str, ImageCodec]
    """How the pictures of each picture stream are stored."""

    @classmethod
    def of(cls, root: dict[str, Any]) -> Description:
        """Raises SpecError, DatasetError or KeyError where the attributes are damaged; see `root.read_root`."""
        spec = Spec.from_dict(root["spec"])
        cameras = {n: camera_from_attributes(n, c) for n, c in root["cameras"].items()}
        codecs = {n: ImageCodec.parse(c) for n, c in root["codecs"].items()}
        return cls(root, root["identity"], spec, cameras, stream_fields(spec, cameras), codecs)


def new_root(
    spec: Spec, cameras: Mapping[str, CameraConfig], images: str | Mapping[str, str], attributes: Mapping[str, Any]
) -> dict[str, Any]:
    """The attributes of a new data set's root, with an identity of its own.

    Args:
        images: how pictures are stored, for all or by stream.
        attributes: further ones.

    Raises:
        DatasetError: streams or codecs that do not fit.
    """
    codecs = image_codecs(stream_fields(spec, cameras), images)
    return dict(attributes) | {
        "format": FORMAT,
        "identity": uuid.uuid4().hex,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "software": f"robot_rl {robot_rl.__version__}",
        "spec": spec.to_dict(),
        "cameras": {n: camera_attributes(c, codecs) for n, c in cameras.items()},
        "codecs": {n: str(c) for n, c in codecs.items()},
    }


def camera_differences(mine: Mapping[str, CameraConfig], theirs: Mapping[str, CameraConfig]) -> list[str]:
    """One line for each way in which two sets of cameras differ."""
    out = [f"camera '{n}': only in the first" for n in mine if n not in theirs]
    out += [f"camera '{n}': only in the second" for n in theirs if n not in mine]
    for n in mine:
        if n in theirs:
            for k in ("width", "height", "depth"):
                a, b = getattr(mine[n], k), getattr(theirs[n], k)
                if a != b:
                    out.append(f"camera '{n}': {k} {a} against {b}")
    return out
