"""A held key judges the state that the person has seen."""

from __future__ import annotations

from robot_rl.runtime.key_verdicts import KeyVerdicts

MS = 1_000_000


def test_a_state_is_judged_by_the_key_as_it_is_held_a_reaction_time_later() -> None:
    verdicts = KeyVerdicts(0.4)
    verdicts.begin(1000 * MS)
    for stamp in range(800, 2000, 100):
        verdicts.state(stamp * MS)
    for stamp in range(1000, 2000, 50):
        verdicts.key(stamp * MS, 1500 <= stamp < 1700)
    said = {stamp // MS: success for stamp, success in verdicts.ready()}
    assert said == {1000: False, 1100: True, 1200: True, 1300: False, 1400: False, 1500: False}
    assert list(verdicts.ready()) == [], "the others wait for their moment"
    verdicts.key(2000 * MS, True)
    assert dict(verdicts.ready()) == {1600 * MS: True}, "at its very moment"


def test_each_state_is_judged_once_and_only_those_of_the_episode() -> None:
    verdicts = KeyVerdicts(0.0)
    verdicts.begin(10)
    for stamp in (9, 10, 10, 12, 11):
        verdicts.state(stamp)
    verdicts.key(20, True)
    assert list(verdicts.ready()) == [(10, False), (12, False)], "at that time nobody had held it"
    verdicts.begin(30)
    verdicts.state(30)
    verdicts.key(30, True)
    assert list(verdicts.ready()) == [(30, True)]


def test_a_device_that_falls_silent_says_of_nothing_that_it_is_a_success() -> None:
    verdicts = KeyVerdicts(0.4)
    verdicts.begin(0)
    verdicts.key(0, True)
    verdicts.state(100 * MS)
    verdicts.state(200 * MS)
    verdicts.silent()
    said = list(verdicts.ready())
    assert said == [(100 * MS, False), (200 * MS, False)]
    verdicts.silent()
    assert list(verdicts.ready()) == []
