"""How far a fine-tuning session is, as `robot-rl info` tells of it."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from robot_rl.commands.info_recipe import FINETUNE


def show_progress(console: Console, name: str) -> None:
    """Print how many of a session's robot steps are done, and how its episodes go; of a practice, all directions
    together and then each. Prints nothing for a recipe, or where nothing has been saved yet.

    Raises:
        TrainingError: the session's recipe does not hold.
        StorageError: what it has saved cannot be read.
    """
    from robot_rl.learn.online import logbook, recipe
    from robot_rl.learn.online.store import NAME
    from robot_rl.learn.online.tally import Tally
    from robot_rl.policies import storage

    session = Path(name).parent if Path(name).name == FINETUNE else Path(name)
    parts = [p for p in (session, *sorted(f.parent for f in session.glob(f"*/{FINETUNE}"))) if _saved(p / NAME)]
    tallies = {p: Tally.from_dict(storage.read_document(p, NAME)["tally"]) for p in parts}
    if not tallies:
        return
    done, total = sum(t.robot_steps for t in tallies.values()), recipe.load(session / FINETUNE).online.steps
    console.print(f"{done} of {total} robot steps", soft_wrap=True)
    for part, tally in tallies.items():
        direction = "" if part == session else f"{part.name}: "
        how = logbook.line(tally, {"train/human_share": tally.human_steps / max(tally.robot_steps, 1)})
        console.print(escape(f"  {direction}{tally.episodes} episodes, {how}"), soft_wrap=True)


def _saved(document: Path) -> bool:
    return document.with_suffix(".json").is_file() and (document.parent / FINETUNE).is_file()
