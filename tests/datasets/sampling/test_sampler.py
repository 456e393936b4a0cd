from __future__ import annotations

import numpy as np
import pytest

from robot_rl.datasets import DatasetError
from robot_rl.datasets.sampling.sampler import Sampler


def epoch(sampler: Sampler, number: int = 0) -> np.ndarray:
    return np.concatenate([sampler.indices(number, b) for b in range(sampler.batches)])


def test_a_shuffled_epoch_gives_each_window_once_in_an_order_of_its_own() -> None:
    sampler = Sampler(100, 10, seed=3)
    first, second = epoch(sampler, 0), epoch(sampler, 1)
    assert sorted(first) == sorted(second) == list(range(100))
    assert (first != second).mean() > 0.9
    np.testing.assert_array_equal(first, epoch(Sampler(100, 10, seed=3)))
    assert (first != epoch(Sampler(100, 10, seed=4))).mean() > 0.9


def test_sequential_batches_are_in_order_and_the_last_may_be_short() -> None:
    assert epoch(Sampler(10, 4, order="sequential")).tolist() == list(range(8))
    whole = Sampler(10, 4, order="sequential", drop_last=False)
    assert [len(whole.indices(0, b)) for b in range(whole.batches)] == [4, 4, 2]
    assert epoch(whole).tolist() == list(range(10))


@pytest.mark.parametrize("order", ["shuffled", "sequential"])
def test_the_shards_of_an_epoch_are_disjoint_and_complete(order: str) -> None:
    shards = [epoch(Sampler(60, 5, order=order, rank=r, world=4, seed=1)) for r in range(4)]  # type: ignore[arg-type]
    assert [len(s) for s in shards] == [15] * 4
    assert sorted(np.concatenate(shards)) == list(range(60))


def test_ranks_get_equally_many_batches_when_windows_do_not_divide() -> None:
    dropped = [Sampler(62, 5, rank=r, world=4) for r in range(4)]
    assert {s.batches for s in dropped} == {3}
    assert len(np.unique(np.concatenate([epoch(s) for s in dropped]))) == 60
    filled = [Sampler(62, 5, rank=r, world=4, drop_last=False) for r in range(4)]
    everything = np.concatenate([epoch(s) for s in filled])
    assert {s.batches for s in filled} == {4} and len(everything) == 64  # two windows come twice
    assert set(everything) == set(range(62))


def test_shuffling_by_blocks_gives_each_window_once_and_keeps_neighbours_near() -> None:
    order = epoch(Sampler(10_000, 100, block=50, seed=1))
    assert sorted(order) == list(range(10_000))
    assert (order != epoch(Sampler(10_000, 100, block=50, seed=1), 1)).any()
    for pool in order[:9600].reshape(-1, 16 * 50):  # 800 windows of no more than 16 blocks
        assert len(np.unique(pool // 50)) == 16
    spread = np.abs(np.diff(order[:800].astype(int))).mean()
    assert spread > 1000  # blocks of a pool come from everywhere
    with pytest.raises(DatasetError, match="for 'shuffled' alone"):
        Sampler(100, 10, order="sequential", block=5)


def test_weighted_draws_hit_the_expected_frequencies() -> None:
    weights = np.array([0.0, 1, 2, 3, 4, 0])
    sampler = Sampler(6, 6, order="weighted", weights=weights, seed=5)
    drawn = np.concatenate([epoch(sampler, e) for e in range(5000)])
    counts = np.bincount(drawn, minlength=6)
    expected = len(drawn) * weights / weights.sum()
    assert counts[0] == counts[5] == 0
    chi_square = float(((counts - expected)[1:5] ** 2 / expected[1:5]).sum())
    assert chi_square < 16.27  # 3 degrees of freedom, p = 0.001


def test_weighted_ranks_draw_differently() -> None:
    one, other = (Sampler(1000, 50, order="weighted", weights=np.ones(1000), rank=r, world=2) for r in range(2))
    assert (one.indices(0, 0) != other.indices(0, 0)).mean() > 0.9


@pytest.mark.parametrize("order", ["shuffled", "weighted", "sequential"])
def test_it_goes_on_in_mid_epoch_from_a_few_integers(order: str) -> None:
    options = {"order": order, "weights": np.arange(23) if order == "weighted" else None, "seed": 2}
    whole = Sampler(23, 4, **options)  # type: ignore[arg-type]
    expected = [next(whole) for _ in range(12)]
    part = Sampler(23, 4, **options)  # type: ignore[arg-type]
    for _ in range(7):
        next(part)
    state = part.state_dict()
    assert (state["epoch"], state["batch"]) == (1, 2)
    assert all(isinstance(v, int) for v in state.values())
    resumed = Sampler(23, 4, **options)  # type: ignore[arg-type]
    resumed.load_state_dict(state)
    for want in expected[7:]:
        np.testing.assert_array_equal(next(resumed), want)


def test_a_state_of_other_data_is_refused() -> None:
    with pytest.raises(DatasetError, match="windows was 24, now 23"):
        Sampler(23, 4).load_state_dict(Sampler(24, 4).state_dict())
    with pytest.raises(DatasetError, match="batch 9 of 5"):
        Sampler(23, 4).load_state_dict(Sampler(23, 4).state_dict() | {"batch": 9})


def test_arguments_out_of_range_are_refused() -> None:
    with pytest.raises(DatasetError, match="do not fill a batch of 8 on each of 2"):
        Sampler(15, 8, world=2)
    with pytest.raises(DatasetError, match="rank=2"):
        Sampler(15, 1, rank=2, world=2)
    with pytest.raises(DatasetError, match="exactly when"):
        Sampler(15, 1, weights=np.ones(15))
    for bad in ([1.0, np.nan], [1.0, -1.0], [0.0, 0.0]):
        with pytest.raises(DatasetError, match="finite, not negative and not all zero"):
            Sampler(2, 1, order="weighted", weights=bad)
    with pytest.raises(DatasetError, match=r"shape \(3,\)"):
        Sampler(2, 1, order="weighted", weights=np.ones(3))
