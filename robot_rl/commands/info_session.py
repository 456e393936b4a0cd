"""How far a fine-tuning session is, as `robot-rl info` tells of it."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape


def show_progress(console: Console, name: str) -> None:
    """Print how many of a session's robot steps are done, and how its episodes go; of a practice, all directions
    together and then each. Prints nothing for a recipe, or where nothing has been saved yet.

    Raises:
        TrainingError: the session's recipe does not hold.
        StorageError: what it has saved cannot be read.
    """
    from robot_rl.learn.online import logbook, recipe
    from robot_rl.learn.online.opening import tallies

    session = Path(name).parent if Path(name).name == recipe.FILE else Path(name)
    saved = tallies(session)
    if not saved:
        return
    done, total = sum(t.robot_steps for t in saved.values()), recipe.load(session / recipe.FILE).online.steps
    console.print(f"{done} of {total} robot steps", soft_wrap=True)
    for part, tally in saved.items():
        direction = "" if part == session else f"{part.name}: "
        how = logbook.line(tally, {"train/human_share": tally.human_steps / max(tally.robot_steps, 1)})
        console.print(escape(f"  {direction}{tally.episodes} episodes, {how}"), soft_wrap=True)
