"""What the demo has recorded of an evaluation is the trials that it was made of."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from robot_rl.commands.demo_card import trial  # noqa: E402
from robot_rl.datasets.dataset import Dataset  # noqa: E402


def test_a_recorded_episode_is_the_trial_that_it_was(lift_data: Path) -> None:
    (episode,) = Dataset.open(lift_data)
    told = trial(episode)
    assert (told.seed, told.success, told.steps, told.reward) == (3, True, 12, 1.0)
    assert told.safety == {"RATE": 1} and told.compute_p99 is None
