"""Mapping device clocks to system time."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.hardware.cameras.stamps import ClockMap, kernel_stamp

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
