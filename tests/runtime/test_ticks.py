from __future__ import annotations

import pytest

from robot_rl.hardware.clock import ManualClock
from robot_rl.runtime.ticks import Pacer

MS = 1_000_000


class Late(ManualClock):
    """Wakes `delays[i]` ms after the i-th deadline."""

    def __init__(self, delays: list[int]) -> None:
        super().__init__(start=10**9)
        self._delays = iter(delays)
        self.deadlines: list[int] = []

    def sleep_until(self, stamp: int) -> None:
        self.deadlines.append((stamp - 10**9) // MS)
        super().sleep_until(stamp + next(self._delays) * MS)


def paced(clock: Late, ticks: int, **options: int) -> Pacer:
    """A pacer of 20 ms that has waited for this many ticks."""
    pacer = Pacer(clock, 20 * MS, **options)
    for _ in range(ticks):
        pacer.wait()
    return pacer


def test_a_late_tick_does_not_delay_those_after_it():
    clock = Late([5, 0, 8, 0])
    paced(clock, 4)
    assert clock.deadlines == [20, 40, 60, 80]


def test_after_an_overrun_the_beat_goes_on_from_there():
    clock = Late([0, 70, 0, 0])
    pacer = paced(clock, 4)
    assert clock.deadlines == [20, 40, 130, 150]
    assert pacer.statistics().overruns == 1


def test_lateness_is_given_as_median_and_99th_percentile():
    pacer = paced(Late([1] * 98 + [9, 9]), 100)
    statistics = pacer.statistics()
    assert statistics.ticks == 100
    assert statistics.error_p50 == pytest.approx(0.001)
    assert statistics.error_p99 == pytest.approx(0.009)
    assert 0.0 <= statistics.compute_p50 < 0.001


def test_no_ticks_give_zeros():
    assert Pacer(ManualClock(), MS).statistics().error_p99 == 0.0


def test_only_the_newest_ticks_are_remembered_where_that_is_asked_for():
    pacer = paced(Late([9] * 10 + [1] * 5), 15, remember=5)
    statistics = pacer.statistics()
    assert statistics.ticks == 15
    assert statistics.error_p99 == pytest.approx(0.001)
