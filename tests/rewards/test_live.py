"""A held key labels pictures as they are taken: what was on screen when the hand moved, and nothing that is unsure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from robot_rl.rewards.errors import RewardError
from robot_rl.rewards.frames import EMPTY, NEAR_MISS, OTHER, SUCCESS, LabelledFrames
from robot_rl.rewards.live import Goal, LiveCollector, LiveConfig
from robot_rl.rewards.view import View

VIEW = View("front", 16, 16, None, 8)
TENTH = 100_000_000
EXACT = LiveConfig(latency=0.0, before=0.0, near=0.0)


def shade(value: int) -> np.ndarray:
    return np.full((16, 16, 3), value, np.uint8)


def watch(
    config: LiveConfig, held: range, length: int = 40, name: str | None = "take", key_until: int = 999
) -> LiveCollector:
    """Pictures every tenth of a second, numbered by their shade; the key is down in the tenths `held`."""
    collector = LiveCollector(VIEW, config, {"robot": "toy"})
    collector.begin(name)
    for t in range(length):
        collector.picture(t * TENTH, shade(t))
        if t <= key_until:
            collector.key(t * TENTH, t in held)
    return collector


def shades(frames: LabelledFrames, kind: int) -> list[int]:
    return frames.pictures[frames.kinds == kind][:, 0, 0, 0].tolist()


def test_what_is_on_screen_while_the_key_is_held_is_a_success_and_all_else_is_not() -> None:
    collector = watch(EXACT, range(10, 16))
    collector.end()
    frames = collector.frames()
    assert shades(frames, SUCCESS) == [10, 11, 12, 13, 14, 15]
    assert shades(frames, OTHER) == [*range(10), *range(16, 40)]
    assert frames.ids == ("take",) and frames.steps.tolist() == list(range(40))


def test_the_hand_is_late_and_the_moments_before_a_success_are_set_apart() -> None:
    """Held from 2.0 to 2.5 s, 0.4 s late: shown from 1.6 to 2.1 s; from 1.3 s nobody knows, from 0.8 s a near miss."""
    collector = watch(LiveConfig(latency=0.4, before=0.3, near=0.5), range(20, 25))
    collector.end()
    frames = collector.frames()
    assert shades(frames, SUCCESS) == [16, 17, 18, 19, 20]
    assert shades(frames, NEAR_MISS) == [8, 9, 10, 11, 12]
    assert shades(frames, OTHER) == [*range(8), *range(21, 36)]
    assert collector.unlabelled == 4  # the newest: the hand may still be on its way


def test_each_hold_has_its_own_moment_before() -> None:
    collector = LiveCollector(VIEW, LiveConfig(latency=0.0, before=0.1, near=0.2), {})
    collector.begin("take")
    for t in range(20):
        collector.picture(t * TENTH, shade(t))
        collector.key(t * TENTH, t in (5, 6, 14, 15))
    collector.end()
    assert shades(collector.frames(), SUCCESS) == [5, 6, 14, 15]
    assert shades(collector.frames(), NEAR_MISS) == [2, 3, 11, 12]


def test_pictures_of_a_time_at_which_the_key_was_not_heard_of_are_left_out_and_counted() -> None:
    collector = watch(EXACT, range(0), key_until=9)
    collector.end()
    assert collector.counts == Counter(other=10) and collector.unlabelled == 30


def test_what_the_key_was_while_the_device_was_silent_is_not_guessed() -> None:
    """Held at 0.5 s, silent from 0.6 to 2.5 s, up after that."""
    collector = LiveCollector(VIEW, EXACT, {})
    collector.begin("take")
    for t in range(40):
        collector.picture(t * TENTH, shade(t))
        if not 6 < t < 25:
            collector.key(t * TENTH, t in (5, 6))
    collector.end()
    assert shades(collector.frames(), SUCCESS) == [5, 6]
    assert shades(collector.frames(), OTHER) == [*range(5), *range(25, 40)]
    assert collector.unlabelled == 18


def test_a_key_still_held_from_the_episode_before_says_nothing_of_the_next() -> None:
    collector = watch(EXACT, range(30, 40), name="first")
    collector.begin("second")
    for t in range(40, 60):
        collector.picture(t * TENTH, shade(t))
        collector.key(t * TENTH, t < 45 or t > 55)
    collector.end()
    frames = collector.frames()
    assert shades(frames, SUCCESS) == [*range(30, 40), *range(56, 60)]
    assert frames.ids == ("first", "second")


def test_without_episodes_a_take_ends_when_the_key_is_released() -> None:
    collector = watch(EXACT, range(10, 16), name=None)
    collector.end()
    frames = collector.frames()
    assert len(frames.ids) == 2 and len(set(frames.ids)) == 2
    assert shades(frames, SUCCESS) == [10, 11, 12, 13, 14, 15]
    assert (frames.episodes[frames.kinds == SUCCESS] == 0).all() and (frames.episodes[-20:] == 1).all()


def test_a_take_without_an_end_is_cut() -> None:
    collector = watch(LiveConfig(latency=0.0, longest=1.95), range(0), length=60)
    collector.end()
    assert collector.takes == 3 and len(set(collector.frames().ids)) == 3 and collector.counts == Counter(other=60)


def test_a_key_that_is_held_where_a_take_is_cut_goes_on_being_held() -> None:
    collector = watch(replace(EXACT, longest=1.95), range(15, 30))
    collector.end()
    frames = collector.frames()
    assert frames.ids == ("take", "take+") and shades(frames, SUCCESS) == list(range(15, 30))


def test_pictures_are_thinned_out_by_time_and_their_rate_is_kept() -> None:
    collector = watch(LiveConfig(latency=0.0, before=0.0, near=0.0, rate=5.0), range(10, 16))
    collector.end()
    frames = collector.frames()
    assert shades(frames, SUCCESS) == [10, 12, 14]
    assert shades(frames, OTHER) == [*range(0, 10, 2), *range(16, 40, 2)]
    assert frames.rate == pytest.approx(5.0)
    slower = watch(EXACT, range(10, 16), name="b")  # asks for more than the camera gives
    slower.end()
    assert slower.frames().rate == pytest.approx(10.0)
    assert slower.frames(frames).rate == pytest.approx(5.0), "of two collections the least"


def test_an_empty_scene_is_labelled_as_such_and_a_dropped_take_is_forgotten() -> None:
    collector = watch(LiveConfig(latency=0.0, shows="empty"), range(0))
    collector.end()
    assert set(collector.frames().kinds.tolist()) == {EMPTY}
    dropped = watch(EXACT, range(10, 16))
    dropped.drop()
    dropped.end()
    with pytest.raises(RewardError, match="no picture has been labelled yet"):
        dropped.frames()


def test_what_was_collected_before_stays_and_another_view_is_refused() -> None:
    first, second = watch(EXACT, range(10, 16), name="a"), watch(EXACT, range(3, 5), name="b")
    first.end()
    second.end()
    both = second.frames(first.frames())
    assert both.ids == ("a", "b") and len(both) == 80 and int(both.labels.sum()) == 8
    other = LabelledFrames(View("wrist", 16, 16, None, 8), *_nothing(), ids=(), source={})
    with pytest.raises(RewardError, match="camera 'wrist'"):
        second.frames(other)


def _nothing() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    none = np.zeros(0, np.int64)
    return np.zeros((0, 8, 8, 3), np.uint8), none.astype(np.uint8), none, none


def test_progress_is_said_and_enough_is_enough() -> None:
    goal = Goal(successes=2, others=3)
    assert not goal.reached(Counter(success=2, other=2))
    assert goal.reached(Counter(success=2, other=1, near_miss=2))
    assert not Goal(0, 0).reached(Counter(success=9, other=9))
    said = goal.progress(Counter(success=1, other=2, near_miss=1), watch(EXACT, range(30, 40)))
    assert said == "success 1/2, others 3/3 (2 other, 1 near miss); 40 in this take; key HELD"


def test_settings_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(RewardError, match="latency -1.0 s"):
        LiveConfig(latency=-1.0)
    with pytest.raises(RewardError, match="rate 0.0 pictures"):
        LiveConfig(rate=0.0)
