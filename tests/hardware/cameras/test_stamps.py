"""Mapping device clocks to system time."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.hardware.cameras.stamps import ClockMap, SystemStamps, kernel_stamp

MS = 1_000_000


def test_the_frame_that_travelled_fastest_sets_the_offset() -> None:
    clock = ClockMap()
    # device time 0, 33, 66 ms; offset 1000 ms; delays 8, 5 and 9 ms
    mapped = [clock.map(d * MS, (d + 1000 + delay) * MS) for d, delay in ((0, 8), (33, 5), (66, 9))]
    assert mapped == [1008 * MS, 1038 * MS, 1071 * MS]


def test_jitter_of_arrival_does_not_reach_the_stamps() -> None:
    rng = np.random.default_rng(3)
    clock = ClockMap()
    device = np.arange(600) * 33 * MS
    arrival = device + 500 * MS + rng.integers(5 * MS, 30 * MS, 600)
    mapped = np.array([clock.map(int(d), int(a)) for d, a in zip(device, arrival)])
    late = mapped[100:] - device[100:] - 505 * MS
    assert late.min() >= 0 and late.max() < 1 * MS


def test_drift_of_the_device_clock_is_followed() -> None:
    clock = ClockMap(window=300)
    mapped = 0
    for k in range(30_000):  # 1000 s at 30 Hz, the device slow by 50 ppm: 50 ms in all
        arrival = k * 33_333_333
        mapped = clock.map(round(arrival * (1 - 50e-6)), arrival)
    assert 0 <= arrival - mapped < 1 * MS


def test_a_restarted_device_is_mapped_anew() -> None:
    clock = ClockMap()
    clock.map(10_000 * MS, 11_000 * MS)
    assert clock.map(5 * MS, 12_000 * MS) == 12_000 * MS


@given(st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 10**12)), min_size=2, max_size=50))
def test_mapped_stamps_always_rise(frames: list[tuple[int, int]]) -> None:
    clock = ClockMap()
    mapped = [clock.map(d, a) for d, a in frames]
    assert all(b > a for a, b in itertools.pairwise(mapped))


def test_a_kernel_stamp_is_carried_over_by_its_age() -> None:
    assert kernel_stamp(kernel=90 * MS, monotonic=110 * MS, now=5000 * MS) == 4980 * MS


def test_a_kernel_stamp_of_another_clock_is_not_believed() -> None:
    assert kernel_stamp(kernel=0, monotonic=9000 * MS, now=5000 * MS) == 5000 * MS
    assert kernel_stamp(kernel=9001 * MS, monotonic=9000 * MS, now=5000 * MS) == 5000 * MS


PERIOD = 33_000_000


def test_frames_that_were_held_up_keep_their_stamps():
    stamps = SystemStamps()
    given = [stamps.stamp(i * PERIOD, a * 1_000_000) for i, a in enumerate([0, 333, 336, 339, 342, 345])]
    assert [s for s, _ in given] == [i * PERIOD for i in range(6)] and all(believed for _, believed in given)


def test_a_clock_that_was_set_ahead_is_noticed_with_the_first_frame_and_one_set_back_after_some():
    for offset, frames in ((3_000_000_000, 1), (-3_000_000_000, 10)):
        stamps = SystemStamps()
        for i in range(5):
            assert stamps.stamp(i * PERIOD, i * PERIOD + 5_000_000) == (i * PERIOD, True)
        given = [stamps.stamp(i * PERIOD + offset, i * PERIOD + 5_000_000) for i in range(5, 40)]
        assert [believed for _, believed in given] == [True] * (frames - 1) + [False] * (36 - frames)
        for i, (stamp, believed) in enumerate(given, start=5):
            assert believed or abs(stamp - i * PERIOD - 5_000_000) <= 1
        assert stamps.stamp(50 * PERIOD, 50 * PERIOD) == (50 * PERIOD, True), "set right again"


def test_stamps_never_go_back():
    stamps, last = SystemStamps(), -1
    for device, arrival in ((10**9, 10**9), (9 * 10**8, 10**9 + 5), (5 * 10**9, 10**9 + 10), (10**9 + 20, 10**9 + 30)):
        stamp, _ = stamps.stamp(device, arrival)
        assert stamp > last
        last = stamp
