"""What a run of the demo leaves in its folder, from which an interrupted one is continued."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from robot_rl.learn.files import replace_text

if TYPE_CHECKING:
    from robot_rl.datasets.dataset import Dataset
    from robot_rl.datasets.episode import Episode


class DemoFolder:
    """Where data, policies, evaluations and times of one run lie; made if it is not there."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.path.mkdir(parents=True, exist_ok=True)
        self.times = StageTimes(self.path / "seconds.json")

    @property
    def data(self) -> Path:
        """The one data set: demonstrations and deployments."""
        return self.path / "data.zarr"

    def policy(self, number: int) -> Path:
        """A training run's folder."""
        return self.path / f"policy_{number}"

    def evaluation(self, number: int) -> Path:
        """The data set of one policy's evaluation."""
        return self.path / f"evaluation_{number}.zarr"


class StageTimes:
    """How long each stage took in all, an interrupted run's share included; kept in a file.

    A process killed outright takes the time of the stage it was in with it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.seconds: dict[str, float] = json.loads(file.read_text()) if file.exists() else {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """What is done within counts for `stage`, also when it is broken off."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.monotonic() - start
            replace_text(self._file, json.dumps(self.seconds, indent=1))

    def __str__(self) -> str:
        spent = ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in self.seconds.items())
        return f"{sum(self.seconds.values()) / 60:.1f} min ({spent})"


def read_episodes(path: Path) -> list[Episode]:
    """Every episode of a data set; none where there is no data set yet."""
    from robot_rl.datasets.dataset import Dataset

    if not (path / "zarr.json").exists():
        return []
    data: Dataset = Dataset.open(path)
    return list(data)
