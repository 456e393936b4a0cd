"""What a foreign policy server calls the robot's fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.spec import Field
from robot_rl.workspace import did_you_mean


class MappingError(ValueError):
    """The mapping of field names cannot be read or does not fit; the message says what to change."""


@dataclass(frozen=True)
class FieldMap:
    """Each key of the server, with the robot's fields that make it: one, or several vectors joined end to end."""

    keys: Mapping[str, tuple[str, ...]]
    prompt: str = ""
    """The task in words, sent as `prompt`; nothing is sent when it is empty."""

    @classmethod
    def parse(cls, text: str, prompt: str = "") -> FieldMap:
        """Read `key=field,key=field+field`, e.g. `observation/state=ee_pose+gripper,observation/image=front`.

        Raises:
            MappingError: another form, or a key twice.
        """
        keys: dict[str, tuple[str, ...]] = {}
        for part in filter(None, (p.strip() for p in text.split(","))):
            key, equals, fields = part.partition("=")
            names = tuple(f.strip() for f in fields.split("+"))
            if not equals or not key.strip() or not all(names):
                raise MappingError(f"field map: '{part}' is not of the form key=field or key=field+field")
            if key.strip() in keys:
                raise MappingError(f"field map: key '{key.strip()}' is there twice")
            keys[key.strip()] = names
        if not keys:
            raise MappingError(
                "this server is not one of robot_rl's and does not say what it takes: give a field map, "
                "e.g. observation/state=ee_pose+gripper,observation/image=front"
            )
        return cls(keys, prompt)

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field that is used, once, in order."""
        return tuple(dict.fromkeys(f for names in self.keys.values() for f in names))

    def check(self, known: Mapping[str, Field]) -> None:
        """Raise MappingError when a field is not among those of the robot, or what is to be joined is no vector."""
        for name in self.fields:
            if name not in known:
                raise MappingError(f"field map: the robot has no field '{name}'.{did_you_mean(name, known)}")
        for key, names in self.keys.items():
            for name in names if len(names) > 1 else ():
                if len(shape := known[name].shape) != 1:
                    raise MappingError(
                        f"field map: key '{key}' joins '{name}', whose shape is {shape}; only vectors are joined: give "
                        "each picture a key of its own"
                    )

    def apply(self, values: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """The request for one observation: vectors as float32, pictures as they are."""
        out: dict[str, Any] = {key: self._value([values[n] for n in names]) for key, names in self.keys.items()}
        if self.prompt:
            out["prompt"] = self.prompt
        return out

    def _value(self, parts: list[NDArray[Any]]) -> NDArray[Any]:
        if len(parts) == 1 and parts[0].ndim != 1:
            return parts[0]
        return np.concatenate(parts).astype(np.float32)
