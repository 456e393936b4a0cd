"""The page of a session."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs robot_rl[train]")

from robot_rl.learn.online.curve import Point  # noqa: E402
from robot_rl.learn.online.report import write_report  # noqa: E402
from robot_rl.learn.online.tally import Tally  # noqa: E402


def point(steps: int, successes: int, low: float, high: float) -> Point:
    """An evaluation of 20 trials."""
    return Point(steps, 0, steps / 600, steps, 20, successes, low, high, None, 0, 0, {})


def test_the_interval_of_success_is_a_band_about_one_curve(tmp_path: Path) -> None:
    curve = [point(0, 8, 0.22, 0.61), point(600, 18, 0.70, 0.97)]
    page = write_report(tmp_path, "session", curve, Tally(robot_steps=600, episodes=9), {}, []).read_text()
    charts = re.findall(r'<svg class="wide"[^>]*aria-label="success \[%\] over [^"]*">.*?</svg>', page)
    assert len(charts) == 2  # over robot steps and over minutes; nobody helped
    for chart in charts:
        assert chart.count("<polygon") == chart.count("<polyline") == 1
        xs = [float(p.split(",")[0]) for p in re.findall(r'polygon[^>]*points="([^"]*)"', chart)[0].split()]
        assert len(xs) == 4 and xs == xs[::-1]  # there along the low ends, and back along the high ones
    assert page.count("95 % interval</span>") == 2 and "interval, low" not in page


def test_success_has_one_colour_in_bars_and_curves(tmp_path: Path) -> None:
    curve = [point(0, 8, 0.22, 0.61), point(600, 18, 0.70, 0.97)]
    page = write_report(tmp_path, "session", curve, Tally(), {}, []).read_text()
    assert set(re.findall(r'<circle[^>]*fill="([^"]*)"', page)) == {"var(--c1)"}
    assert set(re.findall(r'<polyline[^>]*stroke="([^"]*)"', page)) == {"var(--c1)"}


def test_a_session_with_one_evaluation_shows_its_bar_and_no_curve_of_one_dot(tmp_path: Path) -> None:
    page = write_report(tmp_path, "session", [point(100, 8, 0.22, 0.61)], Tally(robot_steps=100), {}, []).read_text()
    assert "8/20" in page and "<polyline" not in page and 'aria-label="success [%] over' not in page
    assert "Too short a session for curves." in page
