"""Charts as inline SVG (pure: numbers in, text out). Colours are CSS variables, so light and dark both read well."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby

from robot_rl.page.proportion import Proportion

Points = Sequence[tuple[float, float]]

LABEL_WIDTH = 7.9
"""Of one letter of a label [px], bold at 14 px, generously."""
LABEL_LENGTH = 46
SERIES = 6
"""Colours of series, `--c0` to `--c5` in the report's style sheet; a seventh series begins again."""


def intervals(rows: Sequence[tuple[str, Proportion]], width: int = 860) -> str:
    """One row a stage: its success rate as a dot, the 95 % interval as a bar, on a scale of 0 to 100 %.

    The scale leaves room for the longest name; names of more than LABEL_LENGTH letters are cut.
    """
    rows = [(_cut(name), p) for name, p in rows]
    left = 30 + LABEL_WIDTH * max((len(name) for name, _ in rows), default=0)
    right, step, top = 130, 46, 14
    span = width - left - right
    height = top + step * len(rows) + 34

    def x(rate: float) -> float:
        return left + span * rate

    parts = []
    for percent in range(0, 101, 25):
        at = x(percent / 100)
        parts.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{top}" y2="{height - 28}"/>')
        parts.append(f'<text class="tick" x="{at:.1f}" y="{height - 10}" text-anchor="middle">{percent} %</text>')
    for i, (name, p) in enumerate(rows):
        y, colour = top + step * (i + 0.5), f"var(--c{i % SERIES})"
        figures = f"{p.rate:.0%}".replace("%", " %")
        parts += [
            f'<text class="label" x="{left - 16}" y="{y + 5:.1f}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{x(p.low):.1f}" y="{y - 8:.1f}" width="{max(x(p.high) - x(p.low), 2):.1f}" height="16" rx="8"'
            f' fill="{colour}" opacity="0.28"/>',
            f'<circle cx="{x(p.rate):.1f}" cy="{y:.1f}" r="7" fill="{colour}"/>',
            f'<text class="value" x="{width - right + 18}" y="{y + 5:.1f}">{figures}</text>',
            f'<text class="tick" x="{width - right + 92}" y="{y + 5:.1f}">{p.successes}/{p.trials}</text>',
        ]
    return svg(width, height, parts, "Success rate by stage with 95 % intervals")


def lines(
    series: Mapping[str, Points],
    *,
    x_label: str,
    y_label: str,
    log_y: bool = False,
    colours: Mapping[str, int] | None = None,
    width: int = 460,
    height: int = 260,
) -> str:
    """Curves over a common axis; series named `... (held out)` are dashed and share the colour of their partner.

    Points that are not finite, or not positive on a logarithmic axis, are left out.

    Args:
        colours: which colour a series has, to match other charts; the others take the colours in turn.
    """
    shown = {n: [p for p in points if _drawable(p, log_y)] for n, points in series.items()}
    shown = {n: points for n, points in shown.items() if points}
    if not shown:
        return '<p class="note">No points were logged.</p>'
    left, right, top, bottom = 58, 14, 12, 44
    xs = [p[0] for points in shown.values() for p in points]
    ys = [p[1] for points in shown.values() for p in points]
    x_high = max(xs) or 1.0
    ticks = _log_ticks(min(ys), max(ys)) if log_y else round_ticks(min(0.0, min(ys)), max(ys))
    scale = math.log10 if log_y else float
    y_low, y_high = scale(ticks[0]), scale(ticks[-1])

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            left + (width - left - right) * x / x_high,
            top + (height - top - bottom) * (1 - (scale(y) - y_low) / (y_high - y_low)),
        )

    parts = []
    for value in ticks:
        y = at(0, value)[1]
        parts.append(f'<line class="grid" x1="{left}" x2="{width - right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for value in round_ticks(0.0, x_high, 4):
        if value <= x_high * 1.001:
            x = at(value, ticks[0])[0]
            anchor = "end" if x > width - right - 12 else "middle"
            parts.append(
                f'<text class="tick" x="{x:.1f}" y="{height - 24}" text-anchor="{anchor}">{_short(value)}</text>'
            )
    strokes = _colours(shown, colours or {})
    for name, points in shown.items():
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*p) for p in points))
        dash = ' stroke-dasharray="5 4"' if name.endswith("(held out)") else ""
        parts.append(f'<polyline class="curve" points="{path}" stroke="{strokes[name]}"{dash}/>')
        if len(points) == 1:
            x, y = at(*points[0])
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{strokes[name]}"/>')
    middle = left + (width - left - right) / 2
    parts.append(f'<text class="tick" x="{middle:.1f}" y="{height - 6}" text-anchor="middle">{escape(x_label)}</text>')
    turned = f"translate(13 {top + (height - top - bottom) / 2:.1f}) rotate(-90)"
    parts.append(f'<text class="tick" transform="{turned}" text-anchor="middle">{escape(y_label)}</text>')
    return svg(width, height, parts, f"{y_label} over {x_label}") + _legend(strokes)


def timeline(rows: Sequence[tuple[str, Sequence[str], str]], width: int = 720) -> str:
    """One bar an episode: who acted in each step. Rows are (label, kind of each step, outcome mark).

    Kinds become CSS classes `kind-<name>`; all bars share one scale, the longest episode filling the width.
    """
    if not rows:
        return '<p class="note">No episodes.</p>'
    left, right, step = 52, 34, 17 if len(rows) > 12 else 22
    longest = max((len(kinds) for _, kinds, _ in rows), default=1) or 1
    scale = (width - left - right) / longest
    height = step * len(rows) + 26
    parts = []
    for i, (label, kinds, mark) in enumerate(rows):
        y = step * i + 4
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
            parts.append(f'<text class="tick" x="{x:.1f}" y="{height - 4}" text-anchor="middle">{value:g}</text>')
    return svg(width, height, parts, "Who acted, step by step")


def _cut(name: str) -> str:
    return name if len(name) <= LABEL_LENGTH else name[: LABEL_LENGTH - 1] + "…"


def svg(width: int, height: float, parts: Sequence[str], title: str) -> str:
    """The parts as one drawing that scales with the page, named for those who do not see it."""
    body = "".join(parts)
    size = f'viewBox="0 0 {width} {height:.0f}" style="max-width:{width}px"'
    return f'<svg {size} role="img" aria-label="{escape(title)}">{body}</svg>'


def _legend(colours: Mapping[str, str]) -> str:
    keys = []
    for name, colour in colours.items():
        kind = "dashed" if name.endswith("(held out)") else "solid"
        keys.append(f'<span class="key"><i style="border-top:2.5px {kind} {colour}"></i>{escape(name)}</span>')
    return f'<div class="legend">{"".join(keys)}</div>'


def _colours(series: Mapping[str, Points], given: Mapping[str, int]) -> dict[str, str]:
    """The colour of each series: as given, else the next; a held-out series takes that of its partner."""
    bases = dict(given)
    for name in series:
        bases.setdefault(_base(name), len(bases))
    return {name: f"var(--c{bases[_base(name)] % SERIES})" for name in series}


def _base(name: str) -> str:
    return name.removesuffix("(held out)").strip()


def _drawable(point: tuple[float, float], log_y: bool) -> bool:
    return math.isfinite(point[0]) and math.isfinite(point[1]) and (point[1] > 0 or not log_y)


def round_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) that enclose [low, high]."""
    if high <= low:
        high = low + 1.0
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5 times powers of ten that enclose [low, high], both positive."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    candidates = [float(f"{m}e{e}") for e in exponents for m in (1, 2, 5)]
    first = max((c for c in candidates if c <= low), default=candidates[0])
    last = min((c for c in candidates if c >= high and c > first), default=candidates[-1])
    chosen = [c for c in candidates if first <= c <= last]
    return chosen if len(chosen) <= 7 else [c for c in chosen if c in (first, last) or f"{c:e}"[0] == "1"]


def _short(value: float) -> str:
    return f"{value / 1000:g} k" if value >= 1000 else f"{value:g}"
