from __future__ import annotations

from itertools import pairwise

import pytest

from robot_rl.page import axes


@pytest.mark.parametrize(
    ("low", "high", "first", "last"), [(0.15, 1.2, 0.1, 2.0), (0.02, 0.02, 0.02, 0.05), (3, 4000, 2, 5000)]
)
def test_logarithmic_ticks_enclose_the_values(low: float, high: float, first: float, last: float) -> None:
    ticks = axes.log_ticks(low, high)
    assert ticks[0] == pytest.approx(first) and ticks[-1] == pytest.approx(last)
    assert len(ticks) <= 7 and ticks == sorted(ticks)


@pytest.mark.parametrize(("low", "high"), [(0, 1500), (0, 0.037), (-3, 9), (2, 2), (0, 2e-13), (0, 4e-14)])
def test_linear_ticks_enclose_the_values_at_equal_round_distances(low: float, high: float) -> None:
    ticks = axes.round_ticks(low, high)
    assert ticks[0] <= low and ticks[-1] >= high and 2 <= len(ticks) <= 8
    assert len({f"{b - a:.6g}" for a, b in pairwise(ticks)}) == 1


def test_a_margin_grows_with_the_longest_tick_and_is_never_below_what_is_asked() -> None:
    assert axes.tick_room(["0", "-0.0025"]) == pytest.approx(axes.NAME + 7 * axes.LETTER)
    assert axes.tick_room(["0"], least=58) == 58
    assert axes.tick_room([]) == axes.NAME


@pytest.mark.parametrize(("value", "text"), [(0.5, "0.5"), (999, "999"), (1500, "1.5 k"), (20000, "20 k")])
def test_thousands_are_written_short(value: float, text: str) -> None:
    assert axes.short(value) == text
