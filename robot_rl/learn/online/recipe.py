"""A recipe of online fine-tuning: `policies/<name>/finetune.yaml`, and the same beside each session."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from robot_rl.learn.config import TrainingError, as_lists, new_run, read_recipe
from robot_rl.learn.files import replace_text
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.directions import PracticeConfig, merged
from robot_rl.learn.online.person import Keys
from robot_rl.learn.online.remote.config import RemoteConfig
from robot_rl.settings import yaml_text
from robot_rl.settings.typed import fill

FILE = "finetune.yaml"


@dataclass(frozen=True)
class Recipe:
    """Everything a session is begun with."""

    robot: str = "sim_pegslot"
    """A folder of hardware/."""
    control_mode: str = ""
    """One of the robot's control modes; by default its own."""
    checkpoint: str = ""
    """The frozen base policy, for improvers that want one."""
    dataset: tuple[str, ...] = ()
    """Data sets with demonstrations."""
    cameras: str = "none"
    """Cameras that are open: names separated by commas, `all` or `none`."""
    classifier: str = ""
    """Folder of a reward classifier that decides on success while the policy learns; by default the task itself."""
    reset: str = "outside"
    """Who brings robot and scene to a start state: `outside`, the simulator or a person; `scripted`, the routine that
    robot.yaml names as `task.reset`, or another one by its name under `task.routines`; or a policy: a checkpoint, a
    session's folder, the address of a server."""
    reset_goal: int | None = None
    """The robot's goal that a policy's reset reaches; without one it ends where the demonstrations began."""
    reset_steps: int = 300
    """The longest that a reset may take [steps]; then the scene must be set up from outside."""
    practice: PracticeConfig | None = None
    """Tasks that undo each other, practised in turn instead of resets."""
    operator: str = "none"
    """Who watches and may take over: `none`; a person with a device (`gamepad`, `spacemouse`, `keyboard`, perhaps with
    its file: `gamepad:/dev/input/js1`); or the quality of the scripted operator (`expert`, `mixed`, ...)."""
    keys: Keys = "mark"
    """What the person's success key means: `mark`, it ends an episode, as the task's own judgement does; `decide`,
    nothing but the keys judges; `hold`, success is for as long as it is held, and `task.success_hold` steps of it end
    the episode."""
    latency: float | None = None
    """From what a person sees to the key going down [s]; by default 0.4 with a device, else 0."""
    end_after_intervention: bool = False
    """An episode ends when the person hands back to the policy (RaC, rule 2): what follows would mix two causes."""
    name: str = "finetune"
    """Sessions land in policies/<name>/checkpoints/<time>."""
    online: OnlineConfig = field(default_factory=OnlineConfig)
    remote: RemoteConfig = field(default_factory=RemoteConfig)
    """With the learner in a process of its own."""

    def __post_init__(self) -> None:
        if self.reset_steps < 1:
            raise TrainingError(f"reset_steps is {self.reset_steps}; it must be at least 1")
        if self.keys not in get_args(Keys):
            raise TrainingError(f"keys is '{self.keys}'; it must be one of {', '.join(get_args(Keys))}")
        if self.keys != "mark" and self.classifier:
            raise TrainingError(f"keys: {self.keys} makes the person the only judge: leave the classifier out")
        if self.practice is not None and self.reset != "outside":
            raise TrainingError("`practice` takes the place of resets: leave `reset` out")

    @property
    def judged(self) -> bool:
        """Keys or a classifier judge each state, not the task itself."""
        return self.keys != "mark" or bool(self.classifier)

    def toward(self, direction: str) -> Recipe:
        """A direction of the practice as a recipe of its own."""
        if self.practice is None:
            raise TrainingError("this recipe has no `practice`")
        own = {k: v for k, v in self.practice.directions[direction].items() if k != "goal"}
        return Recipe.from_dict(merged(self.to_dict(), own) | {"practice": None, "name": f"{self.name}_{direction}"})

    def directory(self) -> Path:
        """A new session's folder, named after the time."""
        return new_run(self.name)

    def to_dict(self) -> dict[str, Any]:
        """A YAML-ready form; `from_dict` reads it back."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {
            **plain,
            "dataset": list(self.dataset),
            "online": as_lists(self.online.to_dict()),
            "remote": dataclasses.asdict(self.remote),
            "practice": None if self.practice is None else as_lists(self.practice.to_dict()),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Recipe:
        """Read a recipe. Raises TrainingError on an unknown option, naming the nearest, or a value not allowed."""
        return fill(cls, data, error=TrainingError, readers={"online": OnlineConfig.from_dict})


def load(recipe: str | Path) -> Recipe:
    """The recipe in a file, or of that name in `policies/`.

    Raises:
        TrainingError: no such recipe, or it does not hold; the message names the file.
    """
    return read_recipe(recipe, FILE, _whole, "fine-tuning recipe")


def _whole(data: Mapping[str, Any]) -> Recipe:
    """A recipe whose practice, if it has one, holds in each direction too."""
    plan = Recipe.from_dict(data)
    for name in () if plan.practice is None else plan.practice.directions:
        try:
            plan.toward(name)
        except TrainingError as error:
            raise TrainingError(f"practice.directions.{name}: {error}") from None
    return plan


def save(recipe: Recipe, directory: Path) -> None:
    """Write the resolved recipe beside a session."""
    directory.mkdir(parents=True, exist_ok=True)
    replace_text(directory / FILE, yaml_text.dump(recipe.to_dict()))
