"""The configuration of one training run, from a recipe's train.yaml and the command line."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from robot_rl import workspace
from robot_rl.policies.absent import MAKERS
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.options import require_at_least
from robot_rl.settings import yaml_text
from robot_rl.settings.typed import fill

Made = TypeVar("Made")


class TrainingError(RuntimeError):
    """Training cannot start or go on; the message says why, with the figures."""


@dataclass(frozen=True)
class TrainConfig:
    """Offline training of a chunk policy by imitation."""

    dataset: tuple[str, ...] = ()
    """Data sets to learn from; several are joined and must have the same spec. As text, for `./lift` is another name
    than `lift`, and as paths they are equal."""
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    action_free: tuple[str, ...] = ()
    """Data sets that are only watched: of the same spec, all their episodes are learned from whatever `select` says,
    and their actions are not looked at. Needs a policy that learns from observations: `head: {name: joint}`, or
    `auxiliary: {latents: 0.1}` with any head."""
    name: str = "flow"
    """The recipe: runs land in policies/<name>/checkpoints/<time>."""
    output: Path | None = None
    """Directory of this run; by default a new one under the recipe. An interrupted run there is continued."""
    select: Literal["all", "successful", "human", "rac"] = "rac"
    """Which steps are imitated. `all`; `successful`: of successful episodes; `human`: what a human did;
    `rac`: demonstrations, recoveries and corrections, and the robot's own steps where it succeeded untouched."""
    weights: str = ""
    """How often a selected window is drawn: `sirius`, `rac`, `operator` or `return`, several joined by `+`;
    empty draws all alike. See `robot_rl.datasets.sampling.weights`."""
    steps: int = 8000
    """Optimiser steps."""
    batch: int = 256
    """Windows in a step, of all processes together."""
    parts: int = 0
    """Into how many parts a batch is divided, whose gradients are added: one after the other to save memory, or by as
    many processes (torchrun). The course of a run depends on the parts, not on who computes them. 0: one a process."""
    lr: float = 1e-3
    """Peak learning rate of AdamW, after the warm-up and before the cosine decay to zero."""
    warmup: int = 300
    """Steps in which the learning rate rises linearly."""
    backbone_lr_share: float = 0.1
    """Share of the learning rate for a pretrained backbone that is not frozen, lest it forget what it came with."""
    weight_decay: float = 1e-6
    """Of AdamW: how strongly weights are drawn to zero."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    ema_power: float = 0.75
    """How soon the averaged weights become slow; see `ema_maximum`."""
    ema_maximum: float = 0.999
    """Decay of the averaged weights, the ones that are deployed: 1 - (1 + step)^-power, at most this."""
    holdout: float = 0.1
    """Share of episodes kept out of training, for the held-out loss."""
    seed: int = 0
    """Of everything random: first weights, batches, noise."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:<n>`."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Of activations in the forward pass (autocast); weights, their averages and the optimiser stay fp32. `auto` is
    bf16 on a CUDA device that has it."""
    compile: bool = False
    """Compile the loss with torch.compile: a minute at the start, then faster steps on a CUDA device."""
    workers: int = -1
    """Processes that read pictures ahead, where the data have any; 0 reads them between two steps. -1: two for a CUDA
    device, none for the CPU, on which a step takes a hundred times as long as reading its pictures."""
    threads: int = 1
    """CPU threads; more than one slows down networks of this size."""
    log_every: int = 50
    """Steps between points of the curves."""
    save_every: int = 1000
    """Steps between checkpoints, each with a held-out loss."""
    select_checkpoint: Literal["last", "loss", "success"] = "last"
    """Which checkpoint is the run's result: the `last`, that of least held-out `loss`, or that of most `success` in
    simulation. With the latter two the last one is kept too, in `last/`."""
    evaluate_robot: str = ""
    """The simulated robot that success is measured on; by default the one that the data were recorded with."""
    evaluate_every: int = 0
    """Steps between evaluations by simulated success; 0 evaluates whenever a checkpoint is saved."""
    evaluate_states: int = 20
    """Initial states of such an evaluation, the same each time; no state that was recorded is among them."""
    evaluate_seed: int = 2_000_000
    """Seed of the first of these states; `robot-rl evaluate` takes others (from 1000000 on)."""
    evaluate_processes: int = 2
    """Processes that share them."""
    divergence: float = 10.0
    """Stop when the smoothed loss exceeds its best by this factor."""

    def __post_init__(self) -> None:
        for key in ("dataset", "action_free"):
            given: Any = getattr(self, key)
            several = (given,) if isinstance(given, str | Path) else given
            object.__setattr__(self, key, tuple(str(d) for d in several))
        if self.output is not None:
            object.__setattr__(self, "output", Path(self.output))
        require_at_least(
            1,
            self,
            ("steps", "batch", "log_every", "save_every", "threads", "evaluate_states", "evaluate_processes"),
            error=TrainingError,
        )
        require_at_least(0, self, ("parts", "evaluate_every"), error=TrainingError)
        if self.select_checkpoint == "loss" and not self.holdout:
            raise TrainingError("select_checkpoint is 'loss' and holdout 0: there is no held-out loss to select by")
        if self.action_free and not self.policy.learns_from_observations:
            raise TrainingError(
                f"action_free names {len(self.action_free)} data sets, but a policy with head "
                f"'{self.policy.head.name}' and auxiliary.latents {self.policy.auxiliary.latents} learns from actions "
                "alone: take head 'joint', or set auxiliary.latents above 0"
            )
        if not 0 <= self.holdout < 1:
            raise TrainingError(f"holdout is {self.holdout}; it must lie in [0, 1)")
        if not (0 < self.lr < math.inf and self.clip > 0):
            raise TrainingError(f"lr is {self.lr} and clip {self.clip}; both must be positive, and lr finite")
        if not 0 <= self.backbone_lr_share < math.inf:
            raise TrainingError(f"backbone_lr_share is {self.backbone_lr_share}; it must be at least 0, and finite")
        if not 0 <= self.weight_decay < math.inf:
            raise TrainingError(f"weight_decay is {self.weight_decay}; it must be at least 0")

    def directory(self) -> Path:
        """Where this run is kept: `output`, or a new directory named after the time."""
        return self.output if self.output is not None else new_run(self.name)

    def to_dict(self) -> dict[str, Any]:
        """A JSON- and YAML-ready form; `from_dict` reads it back."""
        out = dataclasses.asdict(self) | {"policy": self.policy.to_dict(), "dataset": list(self.dataset)}
        out["action_free"] = list(self.action_free)
        return out | {"output": None if self.output is None else str(self.output)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TrainConfig:
        """Read a recipe. Raises TrainingError on an unknown key, naming the nearest, or a value not allowed."""
        try:
            return fill(cls, data, readers={"policy": PolicyConfig.from_dict})
        except ValueError as error:
            raise TrainingError(str(error)) from None


def load(recipe: str | Path) -> TrainConfig:
    """The configuration in a recipe's file (`policies/flow_lift/train.yaml`) or of that recipe by name (`flow_lift`).

    Raises:
        TrainingError: no such recipe, or it does not hold; the message names the file.
    """
    return read_recipe(recipe, "train.yaml", TrainConfig.from_dict)


def new_run(name: str) -> Path:
    """The folder of a new run of the recipe `name`, called by the time."""
    stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    return workspace.root() / "policies" / name / "checkpoints" / stamp


def read_recipe(recipe: str | Path, file: str, make: Callable[[dict[str, Any]], Made], kind: str = "recipe") -> Made:
    """What `make` makes of a recipe's YAML, its folder's name being its own by default.

    A recipe may say `like: another`: what it does not say itself is then as there.

    Args:
        recipe: a YAML file, a folder that holds `file`, or a name: such a folder of `policies/`.
        kind: what a message calls it.

    Raises:
        TrainingError: no such recipe, or it does not hold; the message names the file.
    """
    path = _recipe_file(recipe, file, kind)
    data = {"name": path.parent.name} | _whole(path, file, kind)
    try:
        return make(data)
    except TrainingError as error:
        raise TrainingError(f"{path}: {error}") from None


def _whole(path: Path, file: str, kind: str, behind: tuple[Path, ...] = ()) -> dict[str, Any]:
    """What a recipe says over what the one says that it is like, which has its own name."""
    own = _read(path)
    if "like" not in own:
        return own
    like = own.pop("like")
    if not isinstance(like, str):
        raise TrainingError(f"{path}: like: the name of a {kind} was expected, got {like!r}")
    try:
        other = _recipe_file(like, file, kind)
    except TrainingError as error:
        raise TrainingError(f"{path}: like: {error}") from None
    if other.resolve() in [p.resolve() for p in (path, *behind)]:
        raise TrainingError(f"{path}: like: '{like}' is like this recipe itself")
    base = _whole(other, file, kind, (path, *behind))
    return _over({k: v for k, v in base.items() if k != "name"}, own)


def _recipe_file(recipe: str | Path, file: str, kind: str) -> Path:
    path = Path(recipe)
    if path.suffix in (".yaml", ".yml"):
        return path
    if len(path.parts) > 1 and (path / file).is_file():
        return path / file
    found = workspace.find("policies", str(recipe), file)
    if found is None:
        for other, command in MAKERS.items():
            if other != file and workspace.find("policies", str(recipe), other):
                raise TrainingError(f"'{recipe}' is no {kind}, but one for {command.format(recipe)}")
        known = workspace.names("policies", file)
        raise TrainingError(f"no {kind} '{recipe}'.{workspace.did_you_mean(str(recipe), known)}")
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        data = yaml_text.load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml_text.YAMLError) as error:
        raise TrainingError(f"{path}: not readable: {error}") from None
    if not isinstance(data, dict):
        raise TrainingError(f"{path}: a mapping was expected, got {type(data).__name__}")
    return data


def _over(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`own` over `base`, mappings key by key; one of another `name`, as that of another head, replaces the whole."""
    out = dict(base)
    for key, value in own.items():
        below = out.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping) and value.get("name") in (None, below.get("name")):
            value = _over(below, value)
        out[key] = value
    return out


def as_lists(value: Any) -> Any:
    """Tuples as lists, all the way down: JSON gives them back so, and YAML's safe form knows no tuples."""
    if isinstance(value, Mapping):
        return {k: as_lists(v) for k, v in value.items()}
    return [as_lists(v) for v in value] if isinstance(value, tuple | list) else value
