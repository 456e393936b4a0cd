from __future__ import annotations

from xml.etree import ElementTree

import pytest

from robot_rl.page.axes import LETTER
from robot_rl.page.curves import lines


def elements(svg: str, tag: str) -> list[ElementTree.Element]:
    """Of the first drawing, the one for wide screens."""
    return list(ElementTree.fromstring(svg[svg.index("<svg") : svg.index("</svg>") + 6]).iter(tag))


def points(element: ElementTree.Element) -> list[tuple[float, ...]]:
    return [tuple(map(float, p.split(","))) for p in element.attrib["points"].split()]


def test_a_curve_passes_through_its_points_and_leaves_out_what_is_not_finite() -> None:
    svg = lines({"loss": [(0, 0.0), (5, float("nan")), (10, 10.0)]}, x_label="x", y_label="y", width=460, height=260)
    (line,) = elements(svg, "polyline")
    assert points(line) == [(58.0, 216.0), (446.0, 12.0)]  # from the lower left to the upper right of the axes


def test_a_band_is_the_area_between_its_bounds_in_the_colour_of_its_series() -> None:
    svg = lines(
        {"success": [(0, 50.0), (10, 90.0)]},
        bands={"success": [(0, 20.0, 80.0), (10, 60.0, 100.0)]},
        colours={"success": 1},
        x_label="x",
        y_label="y",
        width=460,
        height=256,  # two pixels a unit
    )
    (band,) = elements(svg, "polygon")
    assert points(band) == [(58.0, 172.0), (446.0, 92.0), (446.0, 12.0), (58.0, 52.0)]
    assert band.attrib["fill"] == "var(--c1)" and "stroke" not in band.attrib
    assert len(elements(svg, "polyline")) == 1  # not one more for each bound
    assert svg.count("95 % interval") == 1 and 'swatch band" style="background:var(--c1)"' in svg


def test_the_band_of_one_point_is_drawn_as_a_bar() -> None:
    svg = lines({"a": [(3, 0.5)]}, bands={"a": [(3, 0.1, 0.9)]}, x_label="x", y_label="y")
    (band,) = elements(svg, "polygon")
    assert float(band.attrib["stroke-width"]) > 1


def test_bands_widen_the_axis_and_what_is_not_finite_is_left_out() -> None:
    svg = lines(
        {"a": [(0, 1.0), (1, 1.0)]}, bands={"a": [(0, 0.0, 40.0), (1, float("nan"), 2.0)]}, x_label="x", y_label="y"
    )
    assert "40" in [e.text for e in elements(svg, "text")]
    assert "nan" not in svg
    assert "polygon" not in lines({"a": [(0, 1.0)]}, bands={"a": []}, x_label="x", y_label="y")


@pytest.mark.parametrize("values", [(0.0, 0.00081), (-12000.0, -2000.0), (0.0, 100.0)])
def test_the_name_of_the_vertical_axis_keeps_clear_of_its_ticks(values: tuple[float, float]) -> None:
    svg = lines({"a": [(0, values[0]), (1, values[1])]}, x_label="x", y_label="alpha")
    texts = elements(svg, "text")
    (name,) = [e for e in texts if e.text == "alpha"]
    right_edge = float(name.attrib["transform"].partition("(")[2].split()[0]) + 4  # letters reach below their line
    ticks = [e for e in texts if e.attrib.get("text-anchor") == "end" and float(e.attrib["x"]) < 150]
    assert len(ticks) > 2
    assert min(float(e.attrib["x"]) - len(e.text or "") * LETTER for e in ticks) > right_edge


def test_held_out_series_share_the_colour_of_their_partner_and_given_colours_hold() -> None:
    series = {"a": [(0, 1.0), (1, 2.0)], "b": [(0, 1.0), (1, 2.0)], "b (held out)": [(0, 1.0), (1, 3.0)]}
    drawn = [e.attrib for e in elements(lines(series, x_label="", y_label="", colours={"b": 4}), "polyline")]
    assert drawn[1]["stroke"] == drawn[2]["stroke"] == "var(--c4)"
    assert drawn[0]["stroke"] != drawn[1]["stroke"]
    assert ["stroke-dasharray" in d for d in drawn] == [False, False, True]


@pytest.mark.parametrize("given", ["a", "b"])
def test_a_series_without_a_colour_takes_the_first_that_nobody_has(given: str) -> None:
    svg = lines({"a": [(0, 1.0)], "b": [(0, 2.0)]}, x_label="", y_label="", colours={given: 1})
    colours = dict(zip("ab", (e.attrib["stroke"] for e in elements(svg, "polyline"))))
    assert colours[given] == "var(--c1)" and sorted(colours.values()) == ["var(--c0)", "var(--c1)"]


def test_numbers_near_zero_are_drawn() -> None:
    svg = lines({"loss": [(0, 1e-13), (1, 2e-13)]}, x_label="x", y_label="y")
    assert "2e-13" in [e.text for e in elements(svg, "text")]


def test_a_series_can_be_dashed_and_its_key_too() -> None:
    svg = lines({"test": [(0, 0), (1, 1)], "chance": [(0, 0), (1, 1)]}, x_label="", y_label="", dashed=("chance",))
    assert ["stroke-dasharray" in e.attrib for e in elements(svg, "polyline")] == [False, True]
    assert svg.count("2.5px dashed") == svg.count("2.5px solid") == 1


def test_names_are_escaped_and_nothing_to_draw_is_said() -> None:
    assert "a &amp; b" in lines({"a & b": [(0, 1.0)]}, x_label="x", y_label="y")
    assert "No points" in lines({"loss": []}, x_label="", y_label="")
