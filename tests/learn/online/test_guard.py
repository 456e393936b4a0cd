"""Learning that diverges goes back to where it was sound, more slowly, and gives up in the end."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.config import GuardConfig
from robot_rl.learn.online.guard import Guard


class Climbing:
    """One weight that grows by 1 with each update; its figure is what `figure` says of the weight."""

    agent, span = None, 1

    def __init__(self, figure: Any) -> None:
        self.weight, self.updates, self._figure = torch.zeros(1), 0, figure
        self.optimizers = {"sgd": torch.optim.SGD([torch.nn.Parameter(self.weight.clone())], lr=0.1)}

    def update(self, replay: Any, rng: np.random.Generator) -> dict[str, float]:
        self.weight += 1
        self.updates += 1
        return {"q": self._figure(float(self.weight))}

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return {"weight": self.weight}, {"updates": self.updates}

    def restore(self, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> None:
        self.weight.copy_(tensors["weight"])
        self.updates = document["updates"]


def run(guard: Guard, times: int) -> None:
    for _ in range(times):
        guard.update(None, np.random.default_rng(0))  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1001.0, -1001.0])
def test_what_diverges_goes_back_to_the_last_snapshot(bad: float, caplog: pytest.LogCaptureFixture) -> None:
    improver = Climbing(lambda w: bad if w == 8 else 1.0)
    guard = Guard(GuardConfig(every=5, attempts=1), improver)  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING):
        run(guard, 8)
    assert float(improver.weight) == 5 and improver.updates == 5
    assert improver.optimizers["sgd"].param_groups[0]["lr"] == pytest.approx(0.05)
    assert "rolled back to update 5" in caplog.text


def test_no_snapshot_is_taken_while_figures_are_high() -> None:
    improver = Climbing(lambda w: 500.0 if w >= 4 else 1.0)
    guard = Guard(GuardConfig(every=5), improver)  # type: ignore[arg-type]
    run(guard, 10)
    improver._figure = lambda w: 2000.0
    run(guard, 1)
    assert float(improver.weight) == 0


def test_what_diverges_again_and_again_is_given_up() -> None:
    guard = Guard(GuardConfig(attempts=2), Climbing(lambda w: 1e9))  # type: ignore[arg-type]
    run(guard, 2)
    with pytest.raises(TrainingError, match="diverged again after 2 roll-backs: q is 1e"):
        run(guard, 1)


def test_learning_rates_stay_lowered_after_a_resume() -> None:
    first = Guard(GuardConfig(), Climbing(lambda w: 1e9))  # type: ignore[arg-type]
    run(first, 1)
    second = Guard(GuardConfig(), Climbing(lambda w: 1.0))  # type: ignore[arg-type]
    second.restore(first.state())
    assert second.improver.optimizers["sgd"].param_groups[0]["lr"] == pytest.approx(0.05)  # type: ignore[attr-defined]
    assert second.rollbacks == 1
