import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from robot_rl.page import charts
from robot_rl.page.proportion import wilson


def elements(svg: str, tag: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(svg[svg.index("<svg") : svg.index("</svg>") + 6]).iter(tag))


def test_the_dot_of_a_stage_lies_at_its_rate_and_its_bar_spans_the_interval():
    p = wilson(30, 40)
    svg = charts.intervals([("first", p)], width=720)
    dot = elements(svg, "circle")[0]
    bar = elements(svg, "rect")[0]
    left = 30 + 5 * charts.LABEL_WIDTH  # of "first"
    span = 720 - left - 130
    assert float(dot.attrib["cx"]) == pytest.approx(left + span * 0.75, abs=0.1)
    assert float(bar.attrib["x"]) == pytest.approx(left + span * p.low, abs=0.1)
    assert float(bar.attrib["width"]) == pytest.approx(span * (p.high - p.low), abs=0.1)


def test_long_names_get_room_and_longer_ones_are_cut():
    (label,) = [
        e for e in elements(charts.intervals([("x" * 60, wilson(1, 2))]), "text") if e.attrib["class"] == "label"
    ]
    assert label.text is not None and len(label.text) == charts.LABEL_LENGTH
    assert float(label.attrib["x"]) > charts.LABEL_LENGTH * 7.5


def test_names_are_escaped():
    assert "<b>" not in charts.intervals([("<b>", wilson(1, 2))])
    assert "a &amp; b" in charts.lines({"a & b": [(0, 1.0)]}, x_label="x", y_label="y")


def test_a_curve_passes_through_its_points_and_leaves_out_what_is_not_finite():
    svg = charts.lines(
        {"loss": [(0, 0.0), (5, float("nan")), (10, 10.0)]}, x_label="x", y_label="y", width=460, height=260
    )
    (line,) = elements(svg, "polyline")
    points = [tuple(map(float, p.split(","))) for p in line.attrib["points"].split()]
    assert points == [(58.0, 216.0), (446.0, 12.0)]  # from the lower left to the upper right of the axes


def test_held_out_series_share_the_colour_of_their_partner_and_given_colours_hold():
    series = {"a": [(0, 1.0), (1, 2.0)], "b": [(0, 1.0), (1, 2.0)], "b (held out)": [(0, 1.0), (1, 3.0)]}
    strokes = [
        e.attrib["stroke"] for e in elements(charts.lines(series, x_label="", y_label="", colours={"b": 4}), "polyline")
    ]
    assert strokes[1] == strokes[2] == "var(--c4)"
    assert strokes[0] != strokes[1]


@pytest.mark.parametrize(
    ("low", "high", "first", "last"), [(0.15, 1.2, 0.1, 2.0), (0.02, 0.02, 0.02, 0.05), (3, 4000, 2, 5000)]
)
def test_logarithmic_ticks_enclose_the_values(low, high, first, last):
    ticks = charts._log_ticks(low, high)
    assert ticks[0] == pytest.approx(first) and ticks[-1] == pytest.approx(last)
    assert len(ticks) <= 7 and ticks == sorted(ticks)


@pytest.mark.parametrize(("low", "high"), [(0, 1500), (0, 0.037), (-3, 9), (2, 2)])
def test_linear_ticks_enclose_the_values_at_equal_round_distances(low, high):
    ticks = charts.round_ticks(low, high)
    assert ticks[0] <= low and ticks[-1] >= high and 2 <= len(ticks) <= 8
    assert len({f"{b - a:.6g}" for a, b in pairwise(ticks)}) == 1


def test_a_timeline_draws_one_bar_for_each_run_of_equal_steps():
    svg = charts.timeline([("0", ["autonomous"] * 30 + ["recovery"] * 10 + ["autonomous"] * 60, "x")], width=720)
    bars = elements(svg, "rect")
    assert [b.attrib["class"] for b in bars] == ["kind-autonomous", "kind-recovery", "kind-autonomous"]
    widths = [float(b.attrib["width"]) for b in bars]
    assert widths == pytest.approx([634 * 0.3, 634 * 0.1, 634 * 0.6], abs=0.1)
    assert re.search("recovery: steps 30 to 39", svg)


def test_nothing_to_draw_is_said():
    assert "No points" in charts.lines({"loss": []}, x_label="", y_label="")
    assert "No episodes" in charts.timeline([])
