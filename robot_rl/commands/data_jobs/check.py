"""Look for what spoils data without anybody noticing."""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Positional

from robot_rl.commands import output
from robot_rl.commands.names import existing_dataset
from robot_rl.datasets.check.findings import Severity
from robot_rl.datasets.check.render import render
from robot_rl.datasets.check.run import check
from robot_rl.datasets.dataset import Dataset


@dataclass(frozen=True)
class Check:
    """Look for dropped frames, jitter, clock steps, frozen pictures, dead channels, lag, clipping, missing labels."""

    dataset: Positional[str]
    """A data set: a name under datasets/, or a path."""
    strict: bool = False
    """Exit with 1 if there is any warning or error."""

    def run(self) -> int:
        report = check(Dataset.open(existing_dataset(self.dataset)))
        output.console().print(render(report))
        serious = report.worst is not None and report.worst >= Severity.WARNING
        return int(self.strict and serious)
