from __future__ import annotations

import numpy as np
import pytest

from robot_rl.datasets.check.timing import clock_jumps, timing, without_jumps

MS = 1_000_000


def regular(count: int, period_ms: float = 33.0) -> np.ndarray:
    return np.round(np.arange(count) * period_ms * MS).astype(np.int64)


def test_missing_samples_are_counted_by_the_gap_they_leave() -> None:
    stamps = np.delete(regular(100), [20, 50, 51, 52])  # a gap of two and a gap of four periods
    t = timing(stamps)
    assert t.dropped == 4
    assert t.longest == pytest.approx(0.132)
    assert t.rate == pytest.approx(1 / 0.033)
    assert t.jitter == 0.0


def test_jitter_is_what_95_percent_of_the_intervals_stray_by() -> None:
    periods = np.full(101, 10.0)
    periods[:10] = 12.0  # a tenth strays by 2 ms
    t = timing(np.cumsum(periods * MS).astype(np.int64))
    assert t.jitter == pytest.approx(2e-3)
    assert t.dropped == 0


def test_stamps_that_go_back_or_repeat_are_found() -> None:
    stamps = np.array([0, 10, 20, 15, 25, 25, 35], np.int64) * MS
    t = timing(stamps)
    assert t.backwards == (3,)
    assert t.repeated == 1


def test_too_few_samples_have_no_rate() -> None:
    assert timing(np.array([5], np.int64)).rate == 0.0
    assert timing(np.empty(0, np.int64)).dropped == 0


def test_a_hole_in_every_stream_at_once_is_a_jump_of_the_clock_and_no_dropped_frame() -> None:
    steps, camera = regular(100, 50.0), regular(150, 33.0)
    steps[40:] += 3_000 * MS
    camera[camera > 39 * 50 * MS + 25 * MS] += 3_000 * MS
    jumps = clock_jumps(steps, {"camera": camera})
    assert [round(j.seconds, 3) for j in jumps] == [3.0]
    assert jumps[0].after == 39 * 50 * MS
    assert timing(camera).dropped > 50
    assert timing(without_jumps(camera, jumps)).dropped == 0
    np.testing.assert_array_equal(without_jumps(steps, jumps), regular(100, 50.0))


def test_a_hole_in_one_stream_alone_is_no_jump() -> None:
    camera = np.delete(regular(150), np.arange(40, 60))
    assert clock_jumps(regular(100, 50.0), {"camera": camera}) == []
    stalled = np.delete(regular(100, 50.0), np.arange(40, 60))
    assert clock_jumps(stalled, {"camera": regular(150)}) == []
