from __future__ import annotations

import re

from robot_rl.page.drawing import NARROW, fitted, svg, swatches
from robot_rl.page.layout import STYLE, table


def draw(width: int) -> str:
    return svg(width, 10, [], "a & b")


def test_a_drawing_scales_with_the_page_and_is_named() -> None:
    assert 'viewBox="0 0 300 10" style="max-width:300px"' in draw(300)
    assert 'aria-label="a &amp; b"' in draw(300)


def test_a_wide_drawing_comes_with_a_narrow_one_of_which_a_phone_shows_only_that() -> None:
    both = re.findall(r'<svg class="(\w+)" viewBox="0 0 (\d+) 10"', fitted(draw, 720))
    assert both == [("wide", "720"), ("narrow", str(NARROW))]
    phone = STYLE.read_text().partition("@media (max-width: 640px) {\n")[2].partition("\n}")[0]
    assert "svg.wide { display: none; }" in phone and "svg.narrow { display: block; }" in phone
    assert "svg.narrow { display: none; }" in STYLE.read_text().partition("@media (max-width: 640px)")[0]
    assert fitted(draw, NARROW) == draw(NARROW)


def test_a_table_of_few_columns_is_not_wider_than_a_phone() -> None:
    assert '<table class="few">' in table(["a", "b", "c"], [["1", "2", "3"]])
    assert "<table>" in table(["a", "b", "c", "d"], [["1", "2", "3", "4"]])


def test_a_key_names_each_colour_and_escapes_the_name() -> None:
    key = swatches({"a & b": "var(--good)"})
    assert 'style="background:var(--good)"' in key and "a &amp; b" in key
