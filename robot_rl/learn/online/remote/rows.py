"""Steps of an episode as messages: arrays over several steps, no pickle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.control.safety import Safety
from robot_rl.datasets.record import Phase, Source, Step
from robot_rl.learn.online.observe import Row


@dataclass(frozen=True)
class SentStep:
    """One step on its way to the learner."""

    row: Row
    step: Step
    index: int
    weight: float

    @property
    def size(self) -> int:
        """Of its row [bytes], about all that a message of it holds."""
        return sum(value.nbytes for value in self.row.values())


_ARRAYS = ("executed", "proposed", "human")
_NUMBERS = ("stamp", "source", "phase", "safety", "reward", "success", "terminated", "truncated")


def encode(steps: Sequence[SentStep]) -> dict[str, Any]:
    """Steps that follow each other, as a message."""
    return {
        "row": {name: np.stack([s.row[name] for s in steps]) for name in steps[0].row},
        "step": {n: np.stack([np.asarray(getattr(s.step, n), np.float64) for s in steps]) for n in _ARRAYS}
        | {n: np.array([getattr(s.step, n) for s in steps]) for n in _NUMBERS},
        "index": steps[0].index,
        "weight": np.array([s.weight for s in steps]),
    }


def decode(message: Mapping[str, Any]) -> Iterator[SentStep]:
    """The steps of a message. Raises KeyError, IndexError or ValueError when it is none."""
    columns = message["step"]
    for i, weight in enumerate(message["weight"]):
        step = Step(
            **{n: np.array(columns[n][i]) for n in _ARRAYS},
            stamp=int(columns["stamp"][i]),
            source=Source(int(columns["source"][i])),
            phase=Phase(int(columns["phase"][i])),
            safety=Safety(int(columns["safety"][i])),
            reward=float(columns["reward"][i]),
            success=bool(columns["success"][i]),
            terminated=bool(columns["terminated"][i]),
            truncated=bool(columns["truncated"][i]),
        )
        row: dict[str, NDArray[Any]] = {name: values[i] for name, values in message["row"].items()}
        yield SentStep(row, step, int(message["index"]) + i, float(weight))
