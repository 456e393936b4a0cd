"""Which streams a data set has: one for each observation field and camera, and one more for depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from robot_rl import workspace
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.codecs import ImageCodec
from robot_rl.hardware.config import CameraConfig
from robot_rl.spec import Field, Spec

DEFAULT_CODEC = "zstd"
"""Lossless and readable by every Zarr library; a data set says so where it wants JPEG."""


def camera_fields(camera: CameraConfig) -> tuple[Field, ...]:
    """The streams of one camera: colour (H, W, 3) uint8 under its name, depth (H, W) uint16 [mm] as `<name>_depth`."""
    size = (camera.height, camera.width)
    color = Field(camera.name, (*size, 3), kind="image", dtype="uint8", rate=camera.fps)
    depth = Field(f"{camera.name}_depth", size, kind="depth", dtype="uint16", unit="mm", rate=camera.fps)
    return (color, depth) if camera.depth else (color,)


def stream_fields(spec: Spec, cameras: Mapping[str, CameraConfig]) -> dict[str, Field]:
    """Every stream by name, rates filled in. Raises DatasetError when two would share a name."""
    fields = {n: replace(f, rate=f.rate or spec.rate) for n, f in spec.observation.items()}
    for camera in cameras.values():
        for f in camera_fields(camera):
            if f.name in fields:
                raise DatasetError(f"camera stream '{f.name}' has the name of another stream; rename the camera")
            fields[f.name] = f
    for name in fields:
        if "/" in name or name.startswith("."):
            raise DatasetError(f"'{name}' cannot name a stream: no '/' and no leading '.'")
    return fields


def image_codecs(fields: Mapping[str, Field], wanted: str | Mapping[str, str]) -> dict[str, ImageCodec]:
    """The codec of each picture stream.

    Args:
        wanted: one codec for all (depth falls back to `zstd` where it is lossy), or one by stream name.

    Raises:
        DatasetError: an unknown codec or stream, or a codec that cannot hold the pictures of its stream.
    """
    images = {n: f for n, f in fields.items() if f.is_image}
    if isinstance(wanted, Mapping):
        for name in wanted:
            if name not in images:
                raise DatasetError(f"a codec is given for '{name}'.{workspace.did_you_mean(name, images)}")
        chosen = {n: ImageCodec.parse(wanted.get(n, DEFAULT_CODEC)) for n in images}
    else:
        codec, fallback = ImageCodec.parse(wanted), ImageCodec.parse(DEFAULT_CODEC)
        chosen = {n: codec if codec.lossless or f.kind == "image" else fallback for n, f in images.items()}
    for name, codec in chosen.items():
        codec.check(name, fields[name].shape, fields[name].dtype)
    return chosen


def camera_attributes(camera: CameraConfig, codecs: Mapping[str, ImageCodec]) -> dict[str, Any]:
    """What the data set's attributes say of a camera; its intrinsics follow once they are known."""
    out: dict[str, Any] = {"width": camera.width, "height": camera.height, "fps": camera.fps, "depth": camera.depth}
    out["driver"] = camera.driver
    out["codec"] = {f.name: str(codecs[f.name]) for f in camera_fields(camera)}
    return out


def camera_from_attributes(name: str, data: Mapping[str, Any]) -> CameraConfig:
    """Read what `camera_attributes` wrote."""
    keys = ("driver", "width", "height", "fps", "depth")
    missing = [k for k in keys if k not in data]
    if missing:
        raise DatasetError(f"camera '{name}': '{missing[0]}' is missing in the data set's attributes")
    return CameraConfig(name=name, **{k: data[k] for k in keys})
