"""Statistics of every field of a data set, computed from the episodes as they are now.

They are never stored beside the data, so no edit can leave them stale; a checkpoint carries those it was trained with.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl import workspace
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.sampling.selection import rule
from robot_rl.datasets.sampling.statistics import Statistics, statistics

ACTION = "action"


@dataclass(frozen=True)
class FieldStatistics:
    """One field: what its numbers are called, and their statistics."""

    labels: tuple[str, ...]
    unit: str
    statistics: Statistics

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON."""
        numbers = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in asdict(self.statistics).items()}
        return {"labels": list(self.labels), "unit": self.unit, **numbers}


def field_statistics(dataset: Dataset, field: str, select: str = "all") -> FieldStatistics:
    """Statistics of one observation field, or of the executed action (`action`), over the steps that a rule keeps.

    Raises:
        DatasetError: no such field or rule, no step kept, or a number that is not finite (naming the episode).
    """
    known = [f.name for f in dataset.spec.observation.vectors]
    if field != ACTION and field not in known:
        raise DatasetError(f"no field '{field}'.{workspace.did_you_mean(field, [*known, ACTION])}")
    keep = rule(select)
    parts: list[NDArray[Any]] = []
    for episode in dataset:
        mask = keep(episode)
        if not mask.any():
            continue
        values = episode.steps["executed"] if field == ACTION else episode.aligned([field])[field]
        if not np.isfinite(values[mask]).all():
            raise DatasetError(
                f"episode {episode.number}: '{field}' is not finite; `robot-rl data check` says where, "
                "then trim or delete the episode"
            )
        parts.append(values[mask])
    if not parts:
        raise DatasetError(f"the rule '{select}' keeps no step of {dataset.path}")
    stats = statistics(np.concatenate(parts))
    if field == ACTION:
        units = {f.unit for f in dataset.spec.action.vectors}
        return FieldStatistics(dataset.spec.action.labels, units.pop() if len(units) == 1 else "", stats)
    described = dataset.spec.observation[field]
    return FieldStatistics(described.labels, described.unit, stats)
