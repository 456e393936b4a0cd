"""The report of a session: one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from robot_rl.learn.curves import load_curves
from robot_rl.learn.files import replace_text
from robot_rl.learn.online.best import BEST, better_before
from robot_rl.learn.online.curve import Point
from robot_rl.learn.online.tally import Tally
from robot_rl.learn.statistics import wilson
from robot_rl.page import charts, layout

SHOWN = 12
"""Evaluations shown at most, spread over the session."""
COLOUR = 1
"""Of success, in bars and curves alike."""


def write_report(
    directory: Path,
    title: str,
    curve: Sequence[Point],
    tally: Tally,
    facts: Mapping[str, str],
    notes: Sequence[str],
    *,
    heading: str = "Success on held-out states",
) -> Path:
    """Write `report.html` into the session's directory and return it; who reads it meanwhile sees the one before.

    Args:
        facts: what the session was begun with.
        notes: what a reader must know to judge the figures.
        heading: of the evaluations.
    """
    series = load_curves(directory)
    sections = [
        layout.section(heading, _success(curve)),
        layout.section("While it learnt", _training(tally, series)),
        layout.section("Learner", _learner(series)),
        layout.section("About this session", "".join(f"<p>{escape(n)}</p>" for n in notes) + layout.facts(facts)),
    ]
    path = directory / "report.html"
    replace_text(path, layout.page(title, _summary(curve, tally), sections))
    return path


def _summary(curve: Sequence[Point], tally: Tally) -> str:
    work = f"{tally.robot_steps} robot steps in {tally.episodes} episodes, {tally.human_steps} of them by a human"
    if not curve:
        return f"{work}; not evaluated yet."
    first, last = wilson(curve[0].successes, curve[0].trials), wilson(curve[-1].successes, curve[-1].trials)
    begun = "" if len(curve) == 1 else f" from {first} at step {curve[0].robot_steps}"
    text = f"{work}: success{begun} to {last}." if begun else f"{work}: success {last}."
    better = better_before(curve)
    return f"{text} {better[0].upper()}{better[1:]}; it is in {BEST}/." if better else text


def _success(curve: Sequence[Point]) -> str:
    if not curve:
        return ""
    charted = []
    for label, x in (
        ("robot steps", [float(p.robot_steps) for p in curve]),
        ("minutes of robot time", [p.minutes for p in curve]),
        ("human steps", [float(p.human_steps) for p in curve]),
    ):
        if not any(x) or len(x) < 2:
            continue
        charted.append(
            charts.lines(
                {"success": list(zip(x, [100 * p.success for p in curve]))},
                bands={"success": list(zip(x, [100 * p.low for p in curve], [100 * p.high for p in curve]))},
                colours={"success": COLOUR},
                x_label=label,
                y_label="success [%]",
                width=720,
                height=260,
            )
        )
    stride = max(-(-len(curve) // SHOWN), 1)
    shown = [*curve[:-1][::stride], curve[-1]]
    rates = [(f"{p.robot_steps} steps", wilson(p.successes, p.trials)) for p in shown]
    bars = charts.intervals(rates, colours=[f"var(--c{COLOUR})"] * len(rates))
    head = ["Robot steps", "Minutes", "Human steps", "Updates", "Success", "95 % interval", "Seconds to success"]
    rows = [
        [
            str(p.robot_steps),
            f"{p.minutes:.1f}",
            str(p.human_steps),
            str(p.updates),
            f"{p.successes}/{p.trials}",
            f"{p.low:.0%} to {p.high:.0%}",
            "" if p.seconds_to_success is None else f"{p.seconds_to_success:.1f}",
        ]
        for p in curve
    ]
    return "".join(f'<div class="card">{c}</div>' for c in (bars, *charted)) + layout.table(head, rows)


def _training(tally: Tally, series: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    wanted = {"success of the last episodes": "train/success_recent", "share of human steps": "train/human_share"}
    found = {name: series[key] for name, key in wanted.items() if len(series.get(key, ())) > 1}
    facts = {
        "Episodes": f"{tally.episodes}, of which {tally.successes} succeeded"
        + (f"; {tally.discarded} more were discarded" if tally.discarded else ""),
        "Human steps": str(tally.human_steps),
        "Wall time": f"{tally.seconds / 60:.1f} min of acting and learning",
    }
    chart = charts.lines(found, x_label="robot steps", y_label="share", width=720, height=260) if found else ""
    return (f'<div class="card">{chart}</div>' if chart else "") + layout.facts(facts)


def _learner(series: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    parts = []
    for key, points in sorted(series.items()):
        if key.startswith("learner/") and len(points) > 1:
            chart = charts.lines({key[8:]: points}, x_label="robot steps", y_label=key[8:], width=720, height=200)
            parts.append(f'<div class="card">{chart}</div>')
    return "".join(parts) or '<p class="note">Too short a session for curves.</p>'
