"""SteppedClock by hand."""

from __future__ import annotations

from robot_rl.sim.clock import SteppedClock


def test_sleeping_steps_whole_periods_until_the_stamp_is_reached() -> None:
    seen: list[int] = []
    clock = SteppedClock(50, lambda: seen.append(clock.now()))
    clock.sleep_until(120)
    assert clock.now() == 150
    assert seen == [0, 50, 100]
    clock.sleep_until(150)
    assert len(seen) == 3


def test_skipping_passes_a_period_without_physics() -> None:
    seen: list[int] = []
    clock = SteppedClock(50, lambda: seen.append(1))
    clock.skip()
    assert clock.now() == 50
    assert seen == []
