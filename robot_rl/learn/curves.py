"""Training curves: TensorBoard events, and the same numbers as JSON for the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from robot_rl.learn.files import replace_text


class Curves:
    """Named series of (step, value) under `directory`: `tensorboard/` and `curves.json`."""

    def __init__(self, directory: Path, series: Mapping[str, list[tuple[int, float]]] | None = None) -> None:
        """
        Args:
            series: what an interrupted run had logged; later TensorBoard events replace what lies after it.
        """
        self.path = directory / "curves.json"
        self.series: dict[str, list[tuple[int, float]]] = {
            k: [(int(s), float(v)) for s, v in p] for k, p in (series or {}).items()
        }
        last = max((points[-1][0] for points in self.series.values() if points), default=None)
        self._writer = SummaryWriter(str(directory / "tensorboard"), purge_step=None if last is None else last + 1)

    def add(self, step: int, **values: float) -> None:
        """Log values at a step; one that a series has already is replaced."""
        for name, value in values.items():
            points = self.series.setdefault(name, [])
            if points and points[-1][0] == step:
                points.pop()
            points.append((step, value))
            self._writer.add_scalar(name, value, step)

    def save(self) -> None:
        """Write curves.json and flush the events."""
        replace_text(self.path, json.dumps(self.series) + "\n")
        self._writer.flush()

    def close(self) -> None:
        self.save()
        self._writer.close()


def load_curves(directory: Path) -> dict[str, list[tuple[int, float]]]:
    """The series of a training run's directory, empty when it has none."""
    path = directory / "curves.json"
    if not path.is_file():
        return {}
    return {name: [(int(s), float(v)) for s, v in points] for name, points in json.loads(path.read_text()).items()}
