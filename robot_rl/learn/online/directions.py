"""The section `practice` of a recipe: tasks that undo each other, practised in turn without resets.

    practice:
      tries: 3
      directions:
        insert: {goal: 0, dataset: [pickinsert]}
        return: {goal: 1, dataset: [pickinsert_return], online: {warmup: 400}}

Each direction is a session of its own, with its own replay, agent and success. What it does not say is as the rest of
the recipe has it; under `online` option by option.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from robot_rl.learn.config import TrainingError
from robot_rl.settings.typed import refuse_unknown

OWN = ("goal", "checkpoint", "dataset", "classifier", "online")
"""What a direction may say."""
SHARED = ("seed", "device", "steps")
"""Options under `online` that are the whole practice's."""


@dataclass(frozen=True)
class PracticeConfig:
    """Which directions, in the order of their turns; the first begins from a scene set up from outside."""

    directions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By name; each names the robot's `goal` by number."""
    tries: int = 3
    """Failures in a row before the next direction is tried."""

    def __post_init__(self) -> None:
        if len(self.directions) < 2 or self.tries < 1:
            raise TrainingError(
                f"practice: {len(self.directions)} directions and {self.tries} tries; at least two directions that "
                "undo each other and one try are needed"
            )
        for name, options in self.directions.items():
            if not name.replace("_", "").isalnum():
                raise TrainingError(f"practice: '{name}' names a folder: use letters, digits and _")
            if not isinstance(options, Mapping) or not isinstance(options.get("goal"), int):
                raise TrainingError(f"practice: direction '{name}' must name the robot's goal, e.g. {{goal: 0}}")
            refuse_unknown(options, OWN, f"practice: {name}: ", TrainingError)
            for key in options.get("online", {}):
                if key in SHARED:
                    raise TrainingError(f"practice: {name}: '{key}' is the whole practice's; name it under online")

    def to_dict(self) -> dict[str, Any]:
        """A YAML-ready form; `from_dict` reads it back."""
        return {"directions": {n: dict(o) for n, o in self.directions.items()}, "tries": self.tries}

    def goal(self, name: str) -> int:
        """The robot's goal of a direction."""
        return int(self.directions[name]["goal"])


def parted(value: str) -> tuple[str, str]:
    """Direction and path of `direction=path`; no direction for a path alone, which may hold a `=` after a `/`."""
    direction, mark, path = value.partition("=")
    return (direction, path) if mark and "/" not in direction else ("", value)


def merged(whole: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """`whole` with what `part` says, mappings within mappings included; an improver of another name replaces all."""
    out = dict(whole)
    for key, value in part.items():
        before = out.get(key)
        same = isinstance(before, Mapping) and isinstance(value, Mapping)
        other = same and "name" in value and value["name"] != before.get("name")  # type: ignore[union-attr]
        out[key] = merged(before, value) if same and not other else value  # type: ignore[arg-type]
    return out
