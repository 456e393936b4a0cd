from __future__ import annotations

import pytest

from robot_rl.datasets.report.sizes import readable_size


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (7, "7 B"), (1000, "1 kB"), (1_250_000, "1.25 MB"), (999_999, "1 MB"), (54_321_000_000, "54.3 GB")],
)
def test_a_size_has_three_figures_and_the_unit_that_keeps_it_below_a_thousand(count: int, text: str) -> None:
    assert readable_size(count) == text
