"""What came of each episode: counted, told in a line, and written down one JSON line an episode.

A mark that is taken back later is a line of its own, which names the episode and what counts of it instead.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from robot_rl.hardware.errors import ConfigError
from robot_rl.runtime.episodes import Ending

TAKEN_BACK = "taken_back"
"""What a line has in place of an episode's own figures, where it says something else of an earlier one: its name."""

log = logging.getLogger(__name__)


def note(episode: dict[str, Any], ending: Ending, human_steps: int, *, judged: bool) -> dict[str, Any]:
    """JSON-ready: what the episode was for, how it ended, and whether anybody said so."""
    return {
        **episode,
        "result": ending.result,
        "judged": judged,
        "steps": ending.steps,
        "human_steps": human_steps,
        "interventions": ending.interventions,
    }


class Results:
    """Of one sitting.

    Args:
        purpose: of the episodes that are counted.
        total: of them; 0 without end.
        path: the file; None for none.

    Raises:
        ConfigError: `total` is below 0.
    """

    def __init__(self, purpose: str, total: int, path: Path | None) -> None:
        if total < 0:
            raise ConfigError(f"episodes is {total}; it must be at least 0, which goes on until it is stopped")
        self._purpose, self._total, self._path = purpose, total, path
        self.count = 0

    @property
    def complete(self) -> bool:
        """All episodes have been run."""
        return self._total > 0 and self.count >= self._total

    def begins(self, purpose: str, *, recorded: bool) -> str:
        """A line for the operator when the next episode begins."""
        total = f" of {self._total}" if self._total else ""
        which = f"episode {self.count + 1}{total}" if purpose == self._purpose else purpose
        return f"{which} begins{': recording' if recorded else ''}"

    def add(self, note: dict[str, Any]) -> str:
        """One more episode is over. Returns a line for the operator. Raises OSError."""
        self._write(note)
        kept = f", recorded as number {note['number']}" if note.get("number") is not None else ""
        told = f"{note['result']} in {note['steps']} steps{kept}"
        if note["purpose"] != self._purpose:
            return f"{note['purpose']}: {told}"
        direction = f"{note['direction']}, " if "direction" in note else ""
        if note["result"] == "discarded":
            return f"{direction}{told}; it does not count"
        self.count += 1
        total = f"/{self._total}" if self._total else ""
        return f"episode {self.count}{total}: {direction}{told}"

    def take_back(self, episode: str, *, judged: bool) -> None:
        """The mark of an earlier episode does not stand any more: it was cut off. Raises OSError.

        Args:
            judged: even so somebody said how it ended.
        """
        self._write({TAKEN_BACK: episode, "result": "failure", "judged": judged})

    def _write(self, line: dict[str, Any]) -> None:
        if self._path is not None:
            with self._path.open("ab+") as file:
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    if file.read(1) != b"\n":  # torn by a crash
                        file.write(b"\n")
                file.write(json.dumps(line).encode() + b"\n")


def read(path: Path) -> list[dict[str, Any]]:
    """The notes in a file, each with what counts of its episode now; a line still being written is left for the next
    look, one that was cut off by a crash is left out with a warning, and a file that is not there has none."""
    if not path.is_file():
        return []
    text = path.read_text()
    notes: list[dict[str, Any]] = []
    taken_back: dict[str, dict[str, Any]] = {}  # by the episode's name; which of both lines comes first does not matter
    for number, written in enumerate(text[: text.rfind("\n") + 1].splitlines(), 1):
        try:
            line = json.loads(written)
        except json.JSONDecodeError:
            log.warning("%s, line %d is cut off: it is left out", path, number)
            continue
        if TAKEN_BACK in line:
            taken_back[line[TAKEN_BACK]] = {"result": line["result"], "judged": line["judged"]}
        else:
            notes.append(line)
    return [note | taken_back.get(note.get("episode", ""), {}) for note in notes]
