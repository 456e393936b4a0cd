"""A key counts as held for as long as its device is heard of."""

from __future__ import annotations

from robot_rl.runtime.heard_keys import FRESH, HeardKeys


def test_each_press_is_told_once_in_order_of_name() -> None:
    keys = HeardKeys()
    assert keys.hear(frozenset({"success", "discard"}), 10.0) == ["discard", "success"]
    assert keys.hear(frozenset({"success"}), 10.1) == []
    assert keys.hear(frozenset({"success", "start"}), 10.2) == ["start"]


def test_a_device_that_falls_silent_holds_nothing() -> None:
    keys = HeardKeys()
    assert keys.silent(10.0) and not keys.known
    assert not keys.silent(10.0, since=9.5), "it has only just been waited for"
    keys.hear(frozenset({"success"}), 10.0)
    assert keys.holds("success", 10.0 + FRESH / 2) and not keys.holds("start", 10.0) and keys.known
    assert not keys.holds("success", 10.0 + FRESH)
    assert not keys.silent(12.0, since=11.5)
