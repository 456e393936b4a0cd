from __future__ import annotations

import pytest

from robot_rl.runtime.watchdog import Watchdog

S = 10**9


def test_a_source_is_silent_once_its_timeout_has_passed():
    dog = Watchdog({"camera": 0.5}, start=0)
    dog.heard("camera", 10 * S)
    assert dog.silent(10 * S + S // 2) == ()
    (silence,) = dog.silent(11 * S)
    assert (silence.name, silence.age, silence.ever) == ("camera", 1.0, True)
    assert str(silence) == "camera: silent for 1.00 s (allowed: 0.5 s)"


def test_a_source_never_heard_is_silent_since_the_start():
    dog = Watchdog({"joy": 1.0}, start=5 * S)
    assert dog.silent(6 * S) == ()
    assert str(dog.silent(8 * S)[0]) == "joy: never heard in 3.00 s (allowed: 1 s)"


def test_the_longest_silence_comes_first():
    dog = Watchdog({"a": 0.1, "b": 0.1, "c": 60.0}, start=0)
    dog.heard("a", 5 * S)
    assert [s.name for s in dog.silent(10 * S)] == ["b", "a"]


def test_an_old_stamp_does_not_make_a_source_older():
    dog = Watchdog({"a": 1.0}, start=0)
    dog.heard("a", 10 * S)
    dog.heard("a", 2 * S)
    assert dog.silent(10 * S) == ()


def test_a_source_that_nobody_watches_is_refused_by_name():
    with pytest.raises(KeyError, match="no source 'b' is watched; there are a"):
        Watchdog({"a": 1.0}, start=0).heard("b", 0)


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("nan"), float("inf")])
def test_a_timeout_must_be_a_time(timeout):
    with pytest.raises(ValueError, match="timeout of 'a'"):
        Watchdog({"a": timeout}, start=0)
