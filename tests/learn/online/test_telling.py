"""How far a session is, said now and then."""

from __future__ import annotations

from robot_rl.learn.online.telling import EVERY, Telling


def test_a_line_is_said_at_the_first_episode_and_then_now_and_then() -> None:
    said: list[str] = []
    times = iter((5.0, 6.0, 4.0 + EVERY, 5.0 + EVERY, 6.0 + EVERY))
    telling = Telling(said.append, 2000, lambda: next(times))
    for steps in (40, 80, 120, 160, 200):
        telling.episode(steps, "1/1 of the last succeeded")
    assert said == [
        "40 of 2000 robot steps: 1/1 of the last succeeded",
        "160 of 2000 robot steps: 1/1 of the last succeeded",
    ]
