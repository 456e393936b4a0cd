"""What the other format has no words for, kept beside its data as JSON: spec, cameras, codecs, attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.streams import camera_from_attributes
from robot_rl.hardware.camera import Intrinsics
from robot_rl.hardware.config import CameraConfig
from robot_rl.spec import Field, Layout, Spec, SpecError

KEY = "robot_rl"
"""Name of the attribute or file that holds a description."""
VERSION = 1
_OWN = {"format", "identity", "created", "software", "spec", "cameras", "codecs"}


@dataclass(frozen=True)
class Description:
    """A data set without its episodes."""

    spec: Spec
    cameras: Mapping[str, CameraConfig] = field(default_factory=dict)
    codecs: Mapping[str, str] = field(default_factory=dict)
    camera_attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What the data set says of each camera, intrinsics among them."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Further attributes of the data set."""

    @classmethod
    def of(cls, dataset: Dataset) -> Description:
        """The description of a data set."""
        attributes = {k: v for k, v in dataset.attributes.items() if k not in _OWN}
        codecs = {n: str(c) for n, c in dataset.codecs.items()}
        return cls(dataset.spec, dataset.cameras, codecs, dataset.attributes["cameras"], attributes)

    def to_json(self) -> dict[str, Any]:
        """`from_json` reads it back."""
        return {
            "version": VERSION,
            "spec": self.spec.to_dict(),
            "cameras": {n: dict(c) for n, c in self.camera_attributes.items()},
            "codecs": dict(self.codecs),
            "attributes": dict(self.attributes),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], place: str) -> Description:
        """Read what `to_json` wrote; `place` names the file in errors. Raises DatasetError."""
        if data.get("version") != VERSION:
            raise DatasetError(
                f"{place}: written by another version of robot_rl ({data.get('version')}, this one reads {VERSION})"
            )
        try:
            cameras = {n: camera_from_attributes(n, c) for n, c in data["cameras"].items()}
            return cls(Spec.from_dict(data["spec"]), cameras, data["codecs"], data["cameras"], data["attributes"])
        except (KeyError, TypeError, SpecError) as error:
            raise DatasetError(f"{place}: the description of the data set is damaged: {error}") from None

    def create(self, path: str | Path) -> Dataset:
        """An empty data set of this description, open to append."""
        dataset = Dataset.create(path, self.spec, self.cameras, images=dict(self.codecs), **self.attributes)
        for name, entry in self.camera_attributes.items():
            if "intrinsics" in entry:
                values: dict[str, Any] = {
                    k: tuple(v) if isinstance(v, list) else v for k, v in entry["intrinsics"].items()
                }
                dataset.set_intrinsics(name, Intrinsics(**values))
        return dataset


def foreign(
    robot: str,
    rate: float,
    observation: Mapping[str, Field],
    action: Field,
    cameras: Mapping[str, tuple[int, int]],
    codec: str,
    **attributes: Any,
) -> Description:
    """The description of data that know nothing of robot_rl.

    Args:
        rate: control rate [Hz].
        cameras: height and width [px] of each.
        codec: how pictures are to be stored.

    Raises:
        DatasetError: no rate is known.
    """
    if not rate > 0:
        raise DatasetError("the source does not say its control rate; give it with --rate HZ")
    spec = Spec(robot, rate, Layout(tuple(observation.values())), Layout((action,)))
    configs = {n: CameraConfig(n, "unknown", width=w, height=h, fps=rate) for n, (h, w) in cameras.items()}
    return Description(spec, configs, dict.fromkeys(cameras, codec), {}, attributes)
