"""Curves and the bands about them as inline SVG (pure)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import count

from robot_rl.page.axes import log_ticks, round_ticks, short, tick_room
from robot_rl.page.drawing import SERIES, fitted, svg

Points = Sequence[tuple[float, float]]
Band = Sequence[tuple[float, float, float]]
"""x, low, high."""

RIGHT, TOP, BOTTOM = 14, 12, 44
"""Margins [px]."""


def lines(
    series: Mapping[str, Points],
    *,
    x_label: str,
    y_label: str,
    log_y: bool = False,
    colours: Mapping[str, int] | None = None,
    bands: Mapping[str, Band] | None = None,
    band_name: str = "95 % interval",
    dashed: Collection[str] = (),
    width: int = 460,
    height: int = 260,
) -> str:
    """Curves over a common axis; series named `... (held out)` are dashed and share the colour of their partner.

    Points that are not finite, or not positive on a logarithmic axis, are left out.

    Args:
        colours: which colour a series has, to match other charts; the others take the colours in turn.
        bands: series to the shaded band about it, in its colour.
        band_name: what a band is, for the key.
        dashed: further series to be dashed, such as what would be chance.
    """
    shown = {n: [p for p in points if _drawable(p, log_y)] for n, points in series.items()}
    shown = {n: points for n, points in shown.items() if points}
    if not shown:
        return '<p class="note">No points were logged.</p>'
    shaded = {n: [p for p in b if _drawable(p, log_y)] for n, b in (bands or {}).items() if n in shown}
    shaded = {n: band for n, band in shaded.items() if band}
    strokes = _colours(shown, colours or {})
    broken = {n for n in shown if n in dashed or n.endswith("(held out)")}
    drawn: list[Sequence[tuple[float, ...]]] = [*shown.values(), *shaded.values()]
    xs = [p[0] for part in drawn for p in part]
    ys = [y for part in drawn for p in part for y in p[1:]]
    ticks = log_ticks(min(ys), max(ys)) if log_y else round_ticks(min(0.0, min(ys)), max(ys))

    def draw(size: int) -> str:
        plot = _Plot(size, height, tick_room((f"{t:g}" for t in ticks), least=58), max(xs) or 1.0, ticks, log_y)
        parts = _axes(plot, x_label, y_label)
        parts += [_band(plot, band, strokes[name]) for name, band in shaded.items()]
        for name, points in shown.items():
            parts += _curve(plot, points, strokes[name], name in broken)
        return svg(size, height, parts, f"{y_label} over {x_label}")

    return fitted(draw, width) + _legend(strokes, broken, {band_name: [strokes[n] for n in shaded]})


@dataclass(frozen=True)
class _Plot:
    """Where numbers lie in a drawing."""

    width: int
    height: int
    left: float
    """Margin [px]."""
    x_high: float
    """The horizontal axis goes from 0 to here."""
    ticks: Sequence[float]
    """Of the vertical axis, which they begin and end."""
    log_y: bool

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Numbers to pixels."""
        low, high = self._scale(self.ticks[0]), self._scale(self.ticks[-1])
        up = (self._scale(y) - low) / (high - low)
        return self.left + (self.width - self.left - RIGHT) * x / self.x_high, TOP + self.tall * (1 - up)

    @property
    def tall(self) -> int:
        """Of the space between the axes [px]."""
        return self.height - TOP - BOTTOM

    def _scale(self, y: float) -> float:
        return math.log10(y) if self.log_y else y


def _axes(plot: _Plot, x_label: str, y_label: str) -> list[str]:
    """Grid, ticks and the names of both axes; that of the vertical one keeps clear of its ticks."""
    parts, left, end = [], plot.left, plot.width - RIGHT
    for value in plot.ticks:
        y = plot.at(0, value)[1]
        parts.append(f'<line class="grid" x1="{left:.1f}" x2="{end}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{left - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for value in round_ticks(0.0, plot.x_high, 4):
        if value <= plot.x_high * 1.001:
            x = plot.at(value, plot.ticks[0])[0]
            anchor = "end" if x > end - 12 else "middle"
            place = f'x="{x:.1f}" y="{plot.height - 24}" text-anchor="{anchor}"'
            parts.append(f'<text class="tick" {place}>{short(value)}</text>')
    place = f'x="{(left + end) / 2:.1f}" y="{plot.height - 6}" text-anchor="middle"'
    parts.append(f'<text class="tick" {place}>{escape(x_label)}</text>')
    turned = f"translate(13 {TOP + plot.tall / 2:.1f}) rotate(-90)"
    parts.append(f'<text class="tick" transform="{turned}" text-anchor="middle">{escape(y_label)}</text>')
    return parts


def _curve(plot: _Plot, points: Points, colour: str, broken: bool) -> list[str]:
    dash = ' stroke-dasharray="5 4"' if broken else ""
    parts = [f'<polyline class="curve" points="{_path(plot, points)}" stroke="{colour}"{dash}/>']
    if len(points) == 1:
        x, y = plot.at(*points[0])
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
    return parts


def _band(plot: _Plot, band: Band, colour: str) -> str:
    """The area from low to high; over a single x a bar."""
    edge = [(x, low) for x, low, _ in band] + [(x, high) for x, _, high in reversed(band)]
    outline = f' stroke="{colour}" stroke-width="5"' if len({x for x, _ in edge}) == 1 else ""
    return f'<polygon class="band" points="{_path(plot, edge)}" fill="{colour}"{outline}/>'


def _path(plot: _Plot, points: Points) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in (plot.at(*p) for p in points))


def _legend(colours: Mapping[str, str], broken: Collection[str], areas: Mapping[str, Sequence[str]]) -> str:
    """A key of curves, and of what their shaded bands are: areas maps it to the colours it is drawn in."""
    keys = []
    for name, colour in colours.items():
        kind = "dashed" if name in broken else "solid"
        keys.append(f'<span class="key"><i style="border-top:2.5px {kind} {colour}"></i>{escape(name)}</span>')
    for name, used in areas.items():
        bits = "".join(f'<b class="swatch band" style="background:{colour}"></b>' for colour in used)
        keys += [f'<span class="key">{bits}{escape(name)}</span>'] if used else []
    return f'<div class="legend">{"".join(keys)}</div>'


def _colours(series: Mapping[str, Points], given: Mapping[str, int]) -> dict[str, str]:
    """The colour of each series: as given, else the first that is free; a held-out series takes that of its partner."""
    bases = {name: number % SERIES for name, number in given.items()}
    for name in series:
        bases.setdefault(_base(name), next(i for i in count() if i not in bases.values()))
    return {name: f"var(--c{bases[_base(name)] % SERIES})" for name in series}


def _base(name: str) -> str:
    return name.removesuffix("(held out)").strip()


def _drawable(point: Sequence[float], log_y: bool) -> bool:
    return all(map(math.isfinite, point)) and (not log_y or min(point[1:]) > 0)
