"""Renaming an observation field, a camera or an action field throughout a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.edit.attributes import episode_json, episode_path
from robot_rl.datasets.edit.transaction import Transaction
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.files import group_json
from robot_rl.datasets.store.streams import camera_from_attributes, stream_fields
from robot_rl.spec import Spec
from robot_rl.workspace import did_you_mean

_BY_STREAM = ("samples", "coding_error")
"""Attributes of an episode whose keys are the names of streams."""


@dataclass(frozen=True)
class Rename:
    """Give a field another name. A camera's depth stream follows its camera."""

    old: str
    new: str
    job: str = "rename"

    def plan(self, dataset: Dataset) -> list[str]:
        kind = self._kind(dataset)
        root = self._root(dataset)
        spec = Spec.from_dict(root["spec"])
        stream_fields(spec, {n: camera_from_attributes(n, c) for n, c in root["cameras"].items()})
        return [
            f"rename the {kind} '{self.old}' to '{self.new}' in {len(dataset)} episodes",
            f"  policies, recipes and robots that know it as '{self.old}' fit this data set no more",
        ]

    def prepare(self, dataset: Dataset, to: Transaction) -> None:
        streams = self._streams(dataset)
        for episode in dataset if streams else ():
            there = {a: b for a, b in streams.items() if a in episode.stream_names}
            for a, b in there.items():
                to.rename(episode_path(episode.number, f"streams/{a}"), episode_path(episode.number, f"streams/{b}"))
            by_stream = [k for k in _BY_STREAM if k in episode.attributes]
            changes = {k: _renamed(episode.attributes[k], there) for k in by_stream} | {
                "checksums": {_moved(p, there): c for p, c in episode.attributes["checksums"].items()},
            }
            to.replace(episode_path(episode.number, "zarr.json"), episode_json(episode.attributes, changes))
            to.episodes.add(episode.number)
        to.replace("zarr.json", group_json(self._root(dataset)))

    def _kind(self, dataset: Dataset) -> str:
        groups: dict[str, Any] = {"camera": dataset.cameras, "observation": dataset.spec.observation}
        groups |= {"action": dataset.spec.action}
        names = [n for group in groups.values() for n in group]
        if self.new in names or self.new in dataset.fields:
            raise DatasetError(f"'{self.new}' is the name of another field; choose one that is free")
        if not self.new or "/" in self.new or self.new.startswith("."):
            raise DatasetError(f"'{self.new}' cannot name a field: not empty, no '/' and no leading '.'")
        for kind, group in groups.items():
            if self.old in group:
                return kind
        raise DatasetError(f"no field '{self.old}'.{did_you_mean(self.old, names)}")

    def _streams(self, dataset: Dataset) -> dict[str, str]:
        """Old to new names of the streams."""
        if self.old in dataset.cameras:
            pairs = {self.old: self.new, f"{self.old}_depth": f"{self.new}_depth"}
            return {a: b for a, b in pairs.items() if a in dataset.fields}
        return {self.old: self.new} if self.old in dataset.fields else {}

    def _root(self, dataset: Dataset) -> dict[str, Any]:
        """The attributes of the root under the new name."""
        root, names = dataset.attributes, {self.old: self.new}
        spec, streams = root["spec"], self._streams(dataset)
        spec = spec | {k: _renamed(spec[k], names) for k in ("observation", "action")}
        cameras = {
            n: c | {"codec": _renamed(c["codec"], streams)} if "codec" in c else c for n, c in root["cameras"].items()
        }
        return root | {
            "spec": spec,
            "cameras": _renamed(cameras, names),
            "codecs": _renamed(root["codecs"], streams),
        }


def _renamed(data: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """With other keys, in the same order."""
    return {names.get(key, key): value for key, value in data.items()}


def _moved(path: str, names: Mapping[str, str]) -> str:
    """`streams/<old>/...` under the new name."""
    first, _, rest = path.partition("/")
    name, slash, inside = rest.partition("/")
    return f"{first}/{names.get(name, name)}{slash}{inside}" if first == "streams" else path
