"""What came of each episode: counted, told in a line, and written down one JSON line an episode."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from robot_rl.hardware.errors import ConfigError
from robot_rl.runtime.episodes import Ending


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

    def add(self, note: dict[str, Any]) -> str:
        """One more episode is over. Returns a line for the operator. Raises OSError."""
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps(note) + "\n")
        told = f"{note['result']} in {note['steps']} steps"
        if note["purpose"] != self._purpose:
            return f"{note['purpose']}: {told}"
        direction = f"{note['direction']}, " if "direction" in note else ""
        if note["result"] == "discarded":
            return f"{direction}{told}; it does not count"
        self.count += 1
        total = f"/{self._total}" if self._total else ""
        return f"episode {self.count}{total}: {direction}{told}"
