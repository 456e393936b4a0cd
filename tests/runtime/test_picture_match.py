"""Each state is shown by one picture, however states and pictures are interleaved on their way."""

from __future__ import annotations

import numpy as np
import pytest

from robot_rl.runtime.picture_match import PictureMatch


def shade(value: int) -> np.ndarray:
    return np.full((2, 2, 3), value, np.uint8)


def shades(match: PictureMatch) -> list[tuple[int, int | None]]:
    return [(stamp, None if p is None else int(p[0, 0, 0])) for stamp, p in match.ready()]


@pytest.mark.parametrize("order", ["states first", "pictures first", "in turn"])
def test_a_state_that_waits_gets_the_picture_of_its_own_moment(order: str) -> None:
    match = PictureMatch(10, 10, waits=True, oldest=0)
    states = [("state", t) for t in (0, 10, 20)]
    pictures = [("picture", t) for t in (0, 10, 20)]
    turns = [e for pair in zip(states, pictures, strict=True) for e in pair]
    found = []
    for kind, t in {"states first": states + pictures, "pictures first": pictures + states, "in turn": turns}[order]:
        if kind == "state":
            match.state(t)
        else:
            match.picture(t, shade(t))
        found += shades(match)
    assert found == [(0, 0), (10, 10), (20, 20)]


def test_a_slow_camera_s_picture_shows_all_states_up_to_the_next() -> None:
    match = PictureMatch(30, 10, waits=True, oldest=0)
    for t in (0, 10, 20, 30):
        match.state(t)
    assert shades(match) == []
    match.picture(0, shade(1))
    assert shades(match) == [(0, 1), (10, 1), (20, 1)]
    match.picture(30, shade(2))
    assert shades(match) == [(30, 2)]


def test_in_real_time_a_state_has_the_newest_picture_and_none_when_that_is_old_or_yet_to_come() -> None:
    match = PictureMatch(10, 10, waits=False, oldest=15)
    match.state(0)
    assert shades(match) == [(0, None)]
    match.picture(8, shade(1))
    match.picture(18, shade(2))
    match.state(20)
    match.state(20)
    assert shades(match) == [(20, 2)]
    match.state(33)
    match.state(34)
    assert shades(match) == [(33, 2), (34, None)]


def test_a_picture_that_was_lost_on_the_way_is_not_replaced_by_an_older_one() -> None:
    match = PictureMatch(10, 10, waits=True, oldest=0)
    for t in (0, 10, 20):
        match.state(t)
    match.picture(0, shade(1))
    match.picture(20, shade(3))
    assert shades(match) == [(0, 1), (10, None), (20, 3)]


def test_what_is_sent_again_is_asked_for_once() -> None:
    match = PictureMatch(10, 10, waits=True, oldest=0)
    for _ in range(2):
        match.state(0)
        match.picture(0, shade(1))
        match.state(10)
        match.picture(10, shade(2))
    first = [(stamp, p) for stamp, p in match.ready()]
    assert [stamp for stamp, _ in first] == [0, 10]
    match.state(10)
    match.picture(10, shade(2))
    match.state(20)
    match.picture(20, shade(3))
    assert shades(match) == [(20, 3)]


@pytest.mark.parametrize("waits", [True, False])
def test_an_episode_sees_nothing_of_the_one_before(waits: bool) -> None:
    match = PictureMatch(20, 10, waits=waits, oldest=30)
    match.state(0)
    match.picture(0, shade(9))
    match.begin(10, stood=10)
    match.state(0)
    match.state(10)
    assert shades(match) == ([] if waits else [(10, None)])
    match.state(20)
    match.picture(20, shade(1))
    assert shades(match) == ([(10, None), (20, 1)] if waits else [(20, 1)])


def test_what_is_forgotten_is_not_asked_for_and_the_picture_that_is_still_shown_stays() -> None:
    match = PictureMatch(10, 10, waits=True, oldest=0)
    for t in (0, 10, 20):
        match.state(t)
        match.picture(t, shade(t))
    match.forget(20)
    assert shades(match) == [(20, 20)]
