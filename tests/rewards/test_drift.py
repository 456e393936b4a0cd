"""When pictures are not those of training any more."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from robot_rl.rewards.drift import MOST_UNSURE, reference, unsure_share


def seen(n: int, seed: int, probability: float = 0.01) -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    return SimpleNamespace(
        features=rng.normal(size=(n, 32)), appearance=rng.normal(size=(n, 22)), probabilities=np.full(n, probability)
    )


def test_a_take_of_two_pictures_does_not_set_the_limits() -> None:
    training, held_out = seen(2000, 0), [seen(120, s) for s in range(1, 7)]
    usual = reference(training, held_out)
    assert 0.1 < usual.features.limit < 0.4
    short = reference(training, [*held_out, seen(2, 9, probability=0.5)])
    assert (short.features.limit, short.unsure) == (usual.features.limit, usual.unsure)


def test_where_all_takes_are_short_they_are_all_there_is_and_a_window_of_nothing_but_doubt_is_noticed() -> None:
    usual = reference(seen(500, 0), [seen(5, s, probability=0.5) for s in range(1, 4)])
    assert usual.features.limit > 0.4
    assert usual.unsure == MOST_UNSURE < unsure_share(np.full(50, 0.5)) == pytest.approx(1.0)
