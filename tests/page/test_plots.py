from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from robot_rl.page.axes import LETTER, tick_room
from robot_rl.page.plots import density, histogram


def elements(svg: str, tag: str, kind: str | None = None) -> list[ElementTree.Element]:
    found = ElementTree.fromstring(svg).iter(tag)
    return [e for e in found if kind is None or e.attrib.get("class") == kind]


def test_bars_of_a_histogram_are_as_high_as_their_counts_and_stack() -> None:
    groups = {"a": np.array([0.0, 0.0, 0.0, 1.0]), "b": np.array([0.0, np.nan])}
    svg = histogram(groups, "x", counted="steps", colours={"a": "red", "b": "blue"}, bins=2, height=144)
    bars = {(e.attrib["fill"], e[0].text.split(": ")[1]): e.attrib for e in elements(svg, "rect")}  # type: ignore[union-attr]
    tall = 144 - 8 - 36  # four numbers in the fullest bin
    assert set(bars) == {("red", "3"), ("red", "1"), ("blue", "1")}
    assert float(bars["red", "3"]["height"]) == pytest.approx(0.75 * tall)
    assert float(bars["red", "1"]["height"]) == pytest.approx(0.25 * tall)
    assert float(bars["blue", "1"]["y"]) == pytest.approx(8)


def test_bounds_within_the_range_are_marked() -> None:
    svg = histogram({"a": np.linspace(0, 1, 50)}, "x", counted="steps", colours={"a": "red"}, marks=(0.5, 7.0))
    (bound,) = elements(svg, "line", "bound")
    left = tick_room(["0"])  # of the 50 numbers 2 or 3 lie in each of 24 bins
    assert float(bound.attrib["x1"]) == pytest.approx((left + 254) / 2, abs=0.1)


def test_both_axes_of_a_histogram_are_named_and_the_count_has_ticks_that_no_bar_exceeds() -> None:
    svg = histogram({"a": np.zeros(1500)}, "x [m/s]", counted="steps", colours={"a": "red"}, bins=3)
    assert {"x [m/s]", "steps"} == {e.text for e in elements(svg, "text", "name")}
    ticks = [e for e in elements(svg, "text", "tick") if e.attrib["text-anchor"] == "end"]
    assert [e.text for e in ticks] == ["0", "1 k"]
    (bar,) = elements(svg, "rect")
    assert float(ticks[1].attrib["y"]) - 4 == pytest.approx(8 + 86 / 3, abs=0.1)  # a third below the bar's top
    assert float(bar.attrib["y"]) == pytest.approx(8)
    assert float(ticks[1].attrib["x"]) - 3 * LETTER > 11 + 8  # right of the name


def test_a_wide_histogram_has_a_narrow_one_for_phones() -> None:
    svg = histogram({"a": np.arange(9.0)}, "x", counted="steps", colours={"a": "red"}, width=720)
    assert svg.count("<svg ") == 2 and 'class="narrow" viewBox="0 0 400' in svg


def test_a_density_has_both_axes_to_one_scale_and_upwards_is_up() -> None:
    svg = density(np.array([0.0, 2.0, 2.0]), np.array([0.0, 0.0, 1.0]), "x", "y", cells=10, width=378)
    cells = [e.attrib for e in elements(svg, "rect", "cell")]
    assert len(cells) == 3
    xs, ys = sorted({float(c["x"]) for c in cells}), sorted({float(c["y"]) for c in cells})
    assert len(xs) == len(ys) == 2
    assert xs[1] - xs[0] == pytest.approx(270, abs=1)  # 2 m over ten cells of 30 pixels
    assert ys[1] - ys[0] == pytest.approx(150, abs=1)  # 1 m
    upper = min(cells, key=lambda c: float(c["y"]))
    assert float(upper["x"]) == xs[1]


def test_nothing_to_draw_is_said() -> None:
    empty = np.array([np.nan])
    assert "No numbers" in histogram({"a": empty}, "x", counted="steps", colours={"a": "red"})
    assert "No positions" in density(empty, empty, "x", "y")
