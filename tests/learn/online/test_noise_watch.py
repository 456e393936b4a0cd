"""A climbing temperature is said once, and a steady or absent one never."""

from __future__ import annotations

from robot_rl.learn.online.noise_watch import NoiseWatch


def words(alphas: list[float]) -> list[str]:
    watch = NoiseWatch()
    return [watch.look({"alpha": a, "entropy": -6.4, "q": 0.3}) for a in alphas]


def test_a_temperature_five_times_its_least_is_said_once_with_what_to_do() -> None:
    said = words([0.02, 0.01, 0.049, 0.051, 0.2])
    assert said[:3] == ["", "", ""] and said[4] == ""
    assert "from 0.01 to 0.051" in said[3] and "target_entropy below -6" in said[3]


def test_a_temperature_that_falls_or_is_not_there_is_nothing_to_speak_of() -> None:
    assert not any(words([0.1, 0.05, 0.02, 0.03]))
    assert NoiseWatch().look({"critic_loss": 1.0}) == ""
