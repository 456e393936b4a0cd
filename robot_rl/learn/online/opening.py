"""A session's folder while the session is being opened: a start that fails leaves it as it was."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.errors import DatasetError
from robot_rl.learn.files import replace_text
from robot_rl.learn.online import recipe as recipes
from robot_rl.learn.online.store import NAME
from robot_rl.learn.online.tally import Tally
from robot_rl.policies import storage


class Opening:
    """Until `begun` is called, an error puts recipes back as they were and takes away what a new session had written.

    What a session has saved or recorded is never taken away.

    Args:
        spare: names of entries that others may be writing meanwhile.
    """

    def __init__(self, directory: Path, spare: Sequence[str] = ()) -> None:
        self.directory, self._spare = directory, tuple(spare)
        self._recipes = {p: p.read_text() for p in _recipes(directory)}
        self._there = set(directory.iterdir()) if directory.is_dir() else set()
        """What was in it."""
        self._new = [folder for folder in (directory, *directory.parents) if not folder.exists()]
        """Folders that were not there, the innermost first."""
        self._begun = False

    def begun(self) -> None:
        """All that the recipe names was there, and the session goes on its way."""
        self._begun = True

    def __enter__(self) -> Opening:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or self._begun:
            return
        for path, text in self._recipes.items():
            replace_text(path, text)
        if not self._recipes and not holds_session(self.directory) and self.directory.is_dir():
            self._clear()

    def _clear(self) -> None:
        for path in set(self.directory.iterdir()) - self._there:
            if path.name in self._spare or any((path / name).exists() for name in self._spare):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        for folder in self._new:
            if any(folder.iterdir()):
                return
            folder.rmdir()


def holds_session(directory: Path) -> bool:
    """Whether a session has been begun in the folder, or in those of its directions: it is saved, or an episode is
    recorded, or something lies there that cannot be read."""
    folders = [directory, *(p.parent for p in directory.glob(f"*/{recipes.FILE}"))]
    if any((folder / f"{NAME}.json").exists() for folder in folders):
        return True
    return any(_holds_episodes(path.parent) for folder in folders for path in folder.glob("*/zarr.json"))


def steps_done(directory: Path) -> int:
    """Robot steps that the session in the folder has done, in all of its directions; 0 for none that is saved."""
    return sum(tally.robot_steps for tally in tallies(directory).values())


def tallies(directory: Path) -> dict[Path, Tally]:
    """What is saved of the session in the folder and of its directions, by their folders; of none, nothing.

    Raises:
        StorageError: it cannot be read.
    """
    folders = [p.parent for p in _recipes(directory) if (p.parent / f"{NAME}.json").is_file()]
    return {f: Tally.from_dict(storage.read_document(f, NAME)["tally"]) for f in folders}


def _holds_episodes(path: Path) -> bool:
    try:
        return len(Dataset.open(path)) > 0
    except DatasetError:
        return True


def _recipes(directory: Path) -> list[Path]:
    """The recipes of a session: its own, and those of its directions by name."""
    return [p for p in (directory / recipes.FILE, *sorted(directory.glob(f"*/{recipes.FILE}"))) if p.is_file()]
