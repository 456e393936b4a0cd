import numpy as np

from robot_rl.control.beginning import Beginning
from robot_rl.control.bounds import Bounds
from robot_rl.control.measured import Measurement, Seen

LOW, HIGH = np.array([0.0, -1.0, -3.0]), np.array([1.0, 1.0, 3.0])
BOUNDS = Bounds(LOW, HIGH, np.array([False, False, True]))
WIDTH = Measurement("width", 1, 1)


def beginning() -> Beginning:
    return Beginning(BOUNDS, [(slice(0, 1), WIDTH)], ("width", "speed", "heading"))


def seen(width: float, stamp: int) -> Seen:
    return Seen({"width": np.array([width])}, stamp, stamp, 100)


def test_a_number_on_a_circle_is_inside_where_a_turn_brings_it_there() -> None:
    clipped = BOUNDS.clip(np.array([2.0, -4.0, 2 * np.pi - 1.0]))
    np.testing.assert_allclose(clipped, [1.0, -1.0, -1.0])


def test_set_points_begin_where_they_are_measured_and_nothing_else_moves() -> None:
    start = beginning()
    out = start.place(seen(0.7, 50), np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(out, [0.7, 0.5, 1.0])
    assert start.placed
    assert start.before(49)
    assert not start.before(50)


def test_what_was_measured_before_it_stood_places_nothing() -> None:
    start = beginning()
    start.anew(60)
    placed = []
    for stamp in (50, 59, 60):
        start.place(seen(0.7, stamp), np.zeros(3))
        placed.append(start.placed)
        if stamp == 50:
            start.anew_after(10)  # still not before 60
    assert placed == [False, False, True]


def test_far_outside_its_bounds_nothing_begins_and_a_little_outside_it_begins_at_the_bound() -> None:
    start = beginning()
    out = start.place(seen(8.0, 50), np.array([0.2, 0.0, 0.0]))
    np.testing.assert_allclose(out, [0.2, 0.0, 0.0])
    before = start.astray, start.placed
    out = start.place(seen(1.01, 60), out)
    np.testing.assert_allclose(out, [1.0, 0.0, 0.0])
    assert (before, (start.astray, start.placed)) == ((True, False), (False, True))


def test_in_a_stop_what_is_not_measured_stays_as_commanded() -> None:
    start = beginning()
    last = np.array([0.2, 0.0, 0.3])
    np.testing.assert_allclose(start.measured(seen(0.6, 50), last), [0.6, 0.0, 0.3])
    np.testing.assert_allclose(start.measured(Seen(None, 50, 50, 100), last), last)
