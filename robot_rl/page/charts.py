"""Charts as inline SVG (pure: numbers in, text out). Colours are CSS variables, so light and dark both read well."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby

from robot_rl.page.axes import LETTER, round_ticks
from robot_rl.page.curves import Points as Points
from robot_rl.page.curves import lines as lines
from robot_rl.page.drawing import NARROW, SERIES, fitted, svg
from robot_rl.page.proportion import Proportion

LABEL_WIDTH = 7.9
"""Of one letter of a label [px], bold at 14 px, generously."""
LABEL_LENGTH = 46


def intervals(rows: Sequence[tuple[str, Proportion]], width: int = 860, colours: Sequence[str] | None = None) -> str:
    """One row a stage: its success rate as a dot, the 95 % interval as a bar, on a scale of 0 to 100 %.

    The scale leaves room for the longest name; names of more than LABEL_LENGTH letters are cut.

    Args:
        colours: of each row, as CSS; by default those of the series, in turn.
    """
    rows = [(_cut(name), p) for name, p in rows]
    painted = colours or [f"var(--c{i % SERIES})" for i in range(len(rows))]
    return fitted(lambda size: _intervals(rows, painted, size), width)


def _intervals(rows: Sequence[tuple[str, Proportion]], colours: Sequence[str], width: int) -> str:
    """The rows at a width [px]; in a narrow drawing each name stands above its bar."""
    above = width <= NARROW
    left = 18 if above else 30 + LABEL_WIDTH * max((len(name) for name, _ in rows), default=0)
    counts = [f"{p.successes}/{p.trials}" for _, p in rows]
    right = max(130.0, 92 + LETTER * max(map(len, counts), default=0))
    step, top = 58 if above else 46, 14
    span = width - left - right
    height = top + step * len(rows) + 34

    def x(rate: float) -> float:
        return left + span * rate

    parts = []
    for percent in range(0, 101, 50 if above else 25):
        at = x(percent / 100)
        parts.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{top}" y2="{height - 28}"/>')
        parts.append(f'<text class="tick" x="{at:.1f}" y="{height - 10}" text-anchor="middle">{percent} %</text>')
    for i, ((name, p), count, colour) in enumerate(zip(rows, counts, colours)):
        y = top + step * (i + (0.72 if above else 0.5))
        figures = f"{p.rate:.0%}".replace("%", " %")
        place = f'x="8" y="{y - 18:.1f}"' if above else f'x="{left - 16}" y="{y + 5:.1f}" text-anchor="end"'
        parts += [
            f'<text class="label" {place}>{escape(name)}</text>',
            f'<rect x="{x(p.low):.1f}" y="{y - 8:.1f}" width="{max(x(p.high) - x(p.low), 2):.1f}" height="16" rx="8"'
            f' fill="{colour}" opacity="0.28"/>',
            f'<circle cx="{x(p.rate):.1f}" cy="{y:.1f}" r="7" fill="{colour}"/>',
            f'<text class="value" x="{width - right + 18:.1f}" y="{y + 5:.1f}">{figures}</text>',
            f'<text class="tick" x="{width - right + 92:.1f}" y="{y + 5:.1f}">{count}</text>',
        ]
    return svg(width, height, parts, "Success rate by stage with 95 % intervals")


def timeline(rows: Sequence[tuple[str, Sequence[str], str]], width: int = 720) -> str:
    """One bar an episode: who acted in each step. Rows are (label, kind of each step, outcome mark).

    Kinds become CSS classes `kind-<name>`; all bars share one scale, the longest episode filling the width.
    """
    if not rows:
        return '<p class="note">No episodes.</p>'
    return fitted(lambda size: _timeline(rows, size), width)


def _timeline(rows: Sequence[tuple[str, Sequence[str], str]], width: int) -> str:
    left, right, top, step = 52, 34, 20, 17 if len(rows) > 12 else 22
    longest = max((len(kinds) for _, kinds, _ in rows), default=1) or 1
    scale = (width - left - right) / longest
    height = top + step * len(rows) + 40
    parts = ['<text class="tick" x="0" y="12">episode</text>']
    for i, (label, kinds, mark) in enumerate(rows):
        y = top + step * i
        parts.append(
            f'<text class="tick" x="{left - 10}" y="{y + step * 0.62:.1f}" text-anchor="end">{escape(label)}</text>'
        )
        start = 0
        for kind, group in groupby(kinds):
            n = len(list(group))
            x, w = left + start * scale, n * scale
            title = f"<title>{escape(kind)}: steps {start} to {start + n - 1}</title>"
            shape = f'x="{x:.1f}" y="{y}" width="{max(w, 0.8):.1f}" height="{step - 6}"'
            parts.append(f'<rect class="kind-{escape(kind)}" {shape}>{title}</rect>')
            start += n
        end = left + start * scale + 8
        parts.append(f'<text class="mark" x="{end:.1f}" y="{y + step * 0.62:.1f}">{escape(mark)}</text>')
    for value in round_ticks(0.0, float(longest), 5):
        if value <= longest:
            x = left + value * scale
            parts.append(f'<text class="tick" x="{x:.1f}" y="{height - 22}" text-anchor="middle">{value:g}</text>')
    middle = left + (width - left - right) / 2
    parts.append(f'<text class="tick" x="{middle:.1f}" y="{height - 4}" text-anchor="middle">step</text>')
    return svg(width, height, parts, "Who acted, step by step")


def _cut(name: str) -> str:
    return name if len(name) <= LABEL_LENGTH else name[: LABEL_LENGTH - 1] + "…"
