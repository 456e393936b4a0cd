"""Statistics of every field."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.table import Table
from tyro.conf import Positional

from robot_rl.commands import output
from robot_rl.commands.names import UsageError, existing_dataset
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.sampling.field_statistics import ACTION, FieldStatistics, field_statistics


@dataclass(frozen=True)
class Stats:
    """Compute mean, deviation, extremes and quantiles of every field from the episodes as they are now."""

    dataset: Positional[str]
    """A data set: a name under datasets/, or a path."""
    select: Literal["all", "successful", "human", "rac"] = "all"
    """Which steps count."""
    fields: tuple[str, ...] = ()
    """Which fields; all numeric ones and the action when left out."""
    json: Path | None = None
    """Also write them to this file."""

    def run(self) -> int:
        dataset = Dataset.open(existing_dataset(self.dataset))
        names = self.fields or (*(f.name for f in dataset.spec.observation.vectors), ACTION)
        found = {name: field_statistics(dataset, name, self.select) for name in names}
        output.console().print(_table(found))
        if self.json is not None:
            content = {"identity": dataset.identity, "select": self.select}
            fields = {name: stats.to_dict() for name, stats in found.items()}
            try:
                self.json.write_text(json.dumps(content | {"fields": fields}, indent=1) + "\n")
            except OSError as error:
                raise UsageError(f"{self.json} cannot be written: {error}") from None
        return 0


def _table(found: dict[str, FieldStatistics]) -> Table:
    count = max((f.statistics.count for f in found.values()), default=0)
    table = Table(box=None, pad_edge=False, title=f"over {count} steps", title_justify="left")
    for heading in ("field", "", "unit"):
        table.add_column(heading)
    for heading in ("mean", "std", "min", "1 %", "99 %", "max"):
        table.add_column(heading, justify="right")
    for name, field in found.items():
        s = field.statistics
        for i, label in enumerate(field.labels):
            numbers = (s.mean[i], s.std[i], s.min[i], s.q01[i], s.q99[i], s.max[i])
            table.add_row(name if i == 0 else "", label, field.unit if i == 0 else "", *(f"{v:.4g}" for v in numbers))
    return table
