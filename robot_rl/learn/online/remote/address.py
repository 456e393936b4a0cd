"""Where a session's learner listens, in the session's folder, readable by its owner alone: the token lies there too."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from robot_rl.learn.config import TrainingError

FILE = Path(".learner") / "address.json"


def tell(directory: Path, address: str, token: str) -> None:
    """Write it down."""
    _write(directory, {"address": address, "token": token})


def refuse(directory: Path, reason: str) -> None:
    """There will be no learner: whoever waits for one is told why, once. Folders that this makes go with it."""
    place = (directory / FILE).parent
    made = [str(folder.absolute()) for folder in (place, *place.parents) if not folder.exists()]
    _write(directory, {"error": reason, "made": made})


def _write(directory: Path, words: dict[str, str | list[str]]) -> None:
    path = directory / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(words, file)
    fresh.replace(path)


def forget(directory: Path) -> None:
    """There is no learner; of a refusal nothing is left."""
    path = directory / FILE
    try:
        made = list(map(str, json.loads(path.read_text()).get("made", ())))
    except (OSError, ValueError, AttributeError, TypeError):
        made = []
    path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # others have put something there
        for folder in made:
            Path(folder).rmdir()


def find(directory: Path) -> tuple[str, str] | None:
    """Address and token; None while there is no learner.

    Raises:
        TrainingError: there will be none, for this reason; or the file is damaged.
    """
    path = directory / FILE
    try:
        data = json.loads(path.read_text())
        if "error" in data:
            forget(directory)
            raise TrainingError(str(data["error"]))
        return str(data["address"]), str(data["token"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path}: not readable: {error}") from None
