"""The `task` section of robot.yaml: what an episode is about, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from robot_rl.hardware.errors import ConfigError


@dataclass(frozen=True)
class TaskSection:
    """What the section may say."""

    horizon: int = 0
    """The time limit of an episode [steps]; 0 for none."""
    success_hold: int = 1
    """For how many steps in a row the task must say success."""
    end_on_force: bool = False
    """End, as a failure, once the robot has backed off from too large a force."""
    instruction: str = ""
    """The task in words."""
    operator: str = ""
    """`module:Class` of the scripted operator of a simulated task."""
    reset: str = ""
    """`scripted:module:Class`, a routine that drives back to a start state; see `robot_rl.runtime.resets`."""
    routines: Mapping[str, str] = field(default_factory=dict)
    """Further such routines, by name."""

    def __post_init__(self) -> None:
        if self.horizon < 0:
            raise ConfigError(f"task.horizon is {self.horizon}; it must be at least 1 step, or 0 for no limit")
        if self.success_hold < 1:
            raise ConfigError(f"task.success_hold is {self.success_hold}; it must be at least 1 step")
        if self.operator and not is_class_path(self.operator):
            raise ConfigError(f"task.operator is '{self.operator}'; write module:Class")
        for key, routine in (("reset", self.reset), *((f"routines.{n}", r) for n, r in self.routines.items())):
            kind, _, path = routine.partition(":")
            if routine and not (kind == "scripted" and is_class_path(path)):
                raise ConfigError(f"task.{key} is '{routine}'; write scripted:<module>:<Class>")


def is_class_path(text: str) -> bool:
    """Whether `text` is written module:Class."""
    module, _, attribute = text.partition(":")
    return attribute.isidentifier() and all(part.isidentifier() for part in module.split("."))
