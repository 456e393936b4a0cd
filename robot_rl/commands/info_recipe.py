"""Recipes and sessions as `robot-rl info` tells of them: what is trained, how, and what it has reached."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from robot_rl import workspace
from robot_rl.commands.info_settings import show_settings

TRAIN, FINETUNE = "train.yaml", "finetune.yaml"


def recipes(file: str) -> list[str]:
    """The recipes of the workspace that hold `file`."""
    return workspace.names("policies", file)


def is_finetuning(name: str) -> bool:
    """Whether that is a session's folder, or a recipe of fine-tuning by name or file."""
    return Path(name).name == FINETUNE or (Path(name) / FINETUNE).is_file() or name in recipes(FINETUNE)


def show_finetuning(console: Console, name: str) -> None:
    """A session or a recipe, with every setting, and the sessions begun with it. Raises TrainingError when the recipe
    does not hold."""
    from robot_rl.learn.online.recipe import Recipe, load

    folder = Path(name).parent if Path(name).name == FINETUNE else Path(name)
    session = (folder / FINETUNE).is_file() and not _is_recipe(folder)
    name = str(folder) if session else folder.resolve().name
    plan: Recipe = load(folder / FINETUNE if session else name)
    console.print(f"[bold]{escape(name)}[/bold]: fine-tuning by {plan.online.improver.name} on {escape(plan.robot)}")
    base = plan.checkpoint or "none"
    data = ", ".join(plan.dataset) or "none named"
    console.print(escape(f"base policy: {base}; demonstrations: {data}; cameras: {plan.cameras}"), soft_wrap=True)
    console.print(escape(f"{plan.online.steps} robot steps, evaluated every {plan.online.evaluate_every}"))
    usual = Recipe.from_dict({"online": {"improver": {"name": plan.online.improver.name}}, "name": plan.name})
    show_settings(console, plan.to_dict(), usual.to_dict())
    if session:
        _session(console, folder)
        return
    begun = _sessions(name)
    for one in begun:
        console.print(escape(f"session {one}"), soft_wrap=True)
        _session(console, one)
    if not begun:
        console.print(escape(f"no session yet: robot-rl finetune --recipe {name}"), soft_wrap=True)


def show_untrained(console: Console, name: str) -> None:
    """A recipe of imitation that has no trained run. Raises TrainingError when it does not hold."""
    show_training(console, name)
    console.print(escape(f"not trained yet: robot-rl train --recipe {name} --dataset NAME"), soft_wrap=True)


def show_training(console: Console, name: str) -> None:
    """A recipe of imitation with every setting. Raises TrainingError when it does not hold."""
    from robot_rl.learn import config

    plan = config.load(name)
    head = plan.policy.head.name
    console.print(
        f"[bold]{escape(name)}[/bold]: {head} policy by imitation, {plan.steps} steps of {plan.batch} windows"
    )
    usual = config.TrainConfig.from_dict({"policy": {"head": {"name": head}}, "name": plan.name})
    show_settings(console, config.as_lists(plan.to_dict()), config.as_lists(usual.to_dict()))


def is_trained(name: str) -> bool:
    """Whether the recipe has a finished checkpoint."""
    runs = workspace.root() / "policies" / name / "checkpoints"
    return next(runs.glob("*/checkpoint/policy.json"), None) is not None


def _sessions(name: str) -> list[Path]:
    """The folders of the sessions that were begun with the recipe `name`, oldest first."""
    runs = workspace.root() / "policies" / name / "checkpoints"
    return sorted(p.parent for p in runs.glob(f"*/{FINETUNE}"))


def _is_recipe(folder: Path) -> bool:
    """Whether that folder is the one of `policies/` that its name means."""
    found = workspace.find("policies", folder.resolve().name, FINETUNE)
    return found is not None and found.parent.resolve() == folder.resolve()


def _session(console: Console, folder: Path) -> None:
    """What a session has reached; of a practice, each direction."""
    from robot_rl.learn.config import TrainingError
    from robot_rl.learn.online.curve import read_curve

    directions = [p.parent for p in sorted(folder.glob(f"*/{FINETUNE}"))]
    for part in directions or [folder]:
        name = f"{part.name}: " if directions else ""
        try:
            last = read_curve(part)[-1]
        except TrainingError:
            console.print(escape(f"  {name}not evaluated yet"))
            continue
        deployed = "" if (part / "agent.json").is_file() else "; nothing to deploy yet"
        console.print(
            escape(
                f"  {name}success {last.successes}/{last.trials} ({last.low:.0%} to {last.high:.0%}) after "
                f"{last.robot_steps} robot steps, {last.human_steps} of a person{deployed}"
            )
        )
