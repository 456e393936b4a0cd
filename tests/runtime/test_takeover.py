from __future__ import annotations

import numpy as np

from robot_rl.runtime.takeover import Pickup, Takeover, TakeoverRules

MS = 1_000_000
RULES = TakeoverRules(engage=0.1, release=0.2, minimum=0.5)


def play(takeover: Takeover, *parts: tuple[int, bool | None], start: int = 0) -> list[bool]:
    """Feed (milliseconds, engaged) parts in steps of 50 ms."""
    out, now = [], start
    for length, engaged in parts:
        for _ in range(length // 50):
            out.append(takeover.update(now, engaged))
            now += 50 * MS
    return out


def test_by_default_the_human_has_control_at_the_first_touch():
    assert Takeover().update(0, True) is True


def test_a_bounce_of_the_clutch_takes_nothing_over():
    assert not any(play(Takeover(RULES), (50, True), (50, False), (50, True), (50, False)))


def test_the_clutch_held_for_the_engage_time_takes_over():
    assert play(Takeover(RULES), (200, True)) == [False, False, True, True]


def test_a_slip_of_the_clutch_hands_nothing_back():
    takeover = Takeover(RULES)
    play(takeover, (1000, True))
    assert all(play(takeover, (150, False), (100, True), (150, False), (100, True), start=1000 * MS))


def test_the_clutch_released_for_the_release_time_hands_back():
    takeover = Takeover(RULES)
    play(takeover, (1000, True))
    assert play(takeover, (300, False), start=1000 * MS) == [True] * 4 + [False] * 2


def test_control_is_kept_for_the_minimum_time():
    takeover = Takeover(RULES)
    play(takeover, (150, True))  # in control since 100 ms
    # released at 150 ms; the release time is over at 350 ms, the minimum at 600 ms
    assert play(takeover, (550, False), start=150 * MS) == [True] * 9 + [False] * 2


def test_a_device_that_falls_silent_hands_nothing_back():
    takeover = Takeover(RULES)
    play(takeover, (500, True))
    assert all(play(takeover, (5000, None), start=500 * MS))


def test_a_silent_device_takes_nothing_over():
    assert not any(play(Takeover(RULES), (5000, None)))


SETPOINTS = np.array([False, False, True])


def test_a_gripper_the_human_has_not_touched_stays_as_it_was():
    pickup = Pickup(SETPOINTS)
    out = pickup.apply(np.array([0.1, 0.2, 0.0]), np.array([0.5, 0.5, 1.0]), frozenset())
    np.testing.assert_array_equal(out, [0.1, 0.2, 1.0])


def test_a_gripper_follows_once_the_human_moves_it():
    pickup, last = Pickup(SETPOINTS), np.array([0.0, 0.0, 1.0])
    pickup.apply(np.array([0.0, 0.0, 0.0]), last, frozenset())
    assert pickup.apply(np.array([0.0, 0.0, 0.3]), last, frozenset())[2] == 0.3
    assert pickup.apply(np.array([0.0, 0.0, 0.0]), last, frozenset())[2] == 0.0


def test_pressing_open_counts_even_where_the_number_was_open_already():
    pickup, last = Pickup(SETPOINTS), np.array([0.0, 0.0, 1.0])
    pickup.apply(np.zeros(3), last, frozenset())
    assert pickup.apply(np.zeros(3), last, frozenset({"open", "clutch"}))[2] == 0.0
    assert pickup.apply(np.zeros(3), last, frozenset())[2] == 0.0


def test_after_letting_go_the_next_take_over_begins_anew():
    pickup, last = Pickup(SETPOINTS), np.array([0.0, 0.0, 1.0])
    pickup.apply(np.zeros(3), last, frozenset({"open"}))
    pickup.release()
    assert pickup.apply(np.zeros(3), last, frozenset())[2] == 1.0
