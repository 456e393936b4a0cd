"""Write a page that shows a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from robot_rl.commands.names import existing_dataset
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.report.write import write_report
from robot_rl.datasets.store.urls import store_url


@dataclass(frozen=True)
class Report:
    """Write an HTML page: pictures, lengths, success by operator, coverage, actions, phases, problems."""

    dataset: Positional[str]
    """A data set: a name under datasets/, or a path."""
    output: Path | None = None
    """The file to write; by default NAME_report.html beside the data set, here for one in an object store."""
    pictures: int = 60
    """Of at most how many episodes to show pictures."""

    def run(self) -> int:
        path = existing_dataset(self.dataset)
        output = self.output or default_output(path)
        contents = write_report(Dataset.open(path), output, pictures=self.pictures)
        print(f"{output}: {len(contents.cards)} episodes, {output.stat().st_size / 1e6:.1f} MB; open it in a browser")
        return 0


def default_output(dataset: Path) -> Path:
    """Where the page of a data set is written if nobody says where."""
    if dataset.name in ("", ".."):
        dataset = dataset.resolve()
    name = f"{dataset.name}_report.html"
    return Path(name) if store_url(dataset) else dataset.parent / name
