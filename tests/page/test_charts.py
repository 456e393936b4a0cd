import re
from xml.etree import ElementTree

import pytest

from robot_rl.page import charts, drawing
from robot_rl.page.axes import LETTER
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


def test_counts_of_many_digits_stay_inside_the_drawing():
    counts = elements(charts.intervals([("a", wilson(1000, 1000))], width=720), "text")[-1]
    assert counts.text == "1000/1000"
    assert float(counts.attrib["x"]) + 9 * LETTER <= 720


def test_bars_have_the_colours_given_or_those_of_the_series_in_turn():
    rows = [("a", wilson(1, 2)), ("b", wilson(1, 2))]
    assert [e.attrib["fill"] for e in elements(charts.intervals(rows), "circle")] == ["var(--c0)", "var(--c1)"]
    given = charts.intervals(rows, colours=["var(--bad)", "var(--good)"])
    assert [e.attrib["fill"] for e in elements(given, "circle")] == ["var(--bad)", "var(--good)"]


def test_on_a_phone_names_stand_above_their_bars_which_are_no_shorter_for_it():
    name = "a" * 40
    svg = charts.intervals([(name, wilson(1, 2))], width=drawing.NARROW)
    (label,) = [e for e in elements(svg, "text") if e.attrib["class"] == "label"]
    (dot,) = elements(svg, "circle")
    assert float(label.attrib["y"]) < float(dot.attrib["cy"]) - 7
    assert float(label.attrib["x"]) + len(name) * charts.LABEL_WIDTH < drawing.NARROW
    assert float(dot.attrib["cx"]) == pytest.approx(18 + (drawing.NARROW - 18 - 130) / 2, abs=0.1)


def test_a_timeline_draws_one_bar_for_each_run_of_equal_steps():
    svg = charts.timeline([("0", ["autonomous"] * 30 + ["recovery"] * 10 + ["autonomous"] * 60, "x")], width=720)
    bars = elements(svg, "rect")
    assert [b.attrib["class"] for b in bars] == ["kind-autonomous", "kind-recovery", "kind-autonomous"]
    widths = [float(b.attrib["width"]) for b in bars]
    assert widths == pytest.approx([634 * 0.3, 634 * 0.1, 634 * 0.6], abs=0.1)
    assert re.search("recovery: steps 30 to 39", svg)
    assert {"episode", "step"} <= {e.text for e in elements(svg, "text")}


def test_nothing_to_draw_is_said():
    assert "No episodes" in charts.timeline([])
