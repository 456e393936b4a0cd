"""Distributions as inline SVG (pure): histograms, and densities over a plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from robot_rl.page.axes import round_ticks, short, tick_room
from robot_rl.page.drawing import fitted, svg


def histogram(
    groups: Mapping[str, NDArray[np.float64]],
    label: str,
    *,
    counted: str,
    colours: Mapping[str, str],
    bins: int = 24,
    marks: Sequence[float] = (),
    width: int = 260,
    height: int = 130,
) -> str:
    """A stacked histogram of numbers by group.

    Args:
        groups: name to values (N,); numbers that are not finite are left out.
        label: what the numbers are, with their unit, under the axis.
        counted: what the height of a bar counts, e.g. `steps`.
        colours: of each group, as CSS.
        marks: where to draw dashed lines, e.g. bounds.
    """
    finite = {name: v[np.isfinite(v)] for name, v in groups.items()}
    every = np.concatenate([*finite.values(), np.empty(0)])
    if not len(every):
        return '<p class="note">No numbers.</p>'
    edges = np.linspace(*_padded(float(every.min()), float(every.max())), bins + 1)
    counts = {name: np.histogram(v, edges)[0] for name, v in finite.items()}
    return fitted(lambda size: _bars(counts, edges, (label, counted), colours, marks, size, height), width)


def _bars(
    counts: Mapping[str, NDArray[np.int64]],
    edges: NDArray[np.float64],
    names: tuple[str, str],
    colours: Mapping[str, str],
    marks: Sequence[float],
    width: int,
    height: int,
) -> str:
    """The bars at a width [px]. `names`: of the horizontal and of the vertical axis."""
    low, high, bins = float(edges[0]), float(edges[-1]), len(edges) - 1
    top = max(1, int(sum(counts.values()).max()))  # type: ignore[union-attr]
    levels = [v for v in round_ticks(0.0, top, 2) if v <= top and v.is_integer()]
    left, right, head, foot = tick_room(short(v) for v in levels), 6, 8, 36
    span, tall = width - left - right, height - head - foot

    def x(value: float) -> float:
        return left + span * (value - low) / (high - low)

    parts = []
    for value in levels:
        y = head + tall * (1 - value / top)
        parts.append(f'<line class="grid" x1="{left:.1f}" x2="{width - right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{left - 7:.1f}" y="{y + 4:.1f}" text-anchor="end">{short(value)}</text>')
    stacked = np.zeros(bins)
    for name, count in counts.items():
        for i in np.flatnonzero(count):
            y0, y1 = stacked[i] / top, (stacked[i] + count[i]) / top
            parts.append(
                f'<rect x="{x(edges[i]) + 0.5:.1f}" y="{head + tall * (1 - y1):.1f}" '
                f'width="{span / bins - 1:.1f}" height="{max(tall * (y1 - y0), 0.7):.1f}" rx="1" '
                f'fill="{colours[name]}"><title>{escape(name)} {edges[i]:.3g} to {edges[i + 1]:.3g}: {count[i]}'
                "</title></rect>"
            )
        stacked += count
    for mark in marks:
        if low <= mark <= high:
            parts.append(f'<line class="bound" x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="{head}" y2="{head + tall}"/>')
    for value in round_ticks(low, high, 3):
        if low <= value <= high:
            parts.append(
                f'<text class="tick" x="{min(max(x(value), 14), width - 14):.1f}" y="{height - 20}" '
                f'text-anchor="middle">{value:g}</text>'
            )
    parts += _named(*names, (left + span / 2, height - 4), head + tall / 2)
    return svg(width, height, parts, f"Histogram of {names[0]}")


def _named(x_label: str, y_label: str, under: tuple[float, float], middle: float) -> list[str]:
    """The names of both axes: one at the place `under` the drawing, one turned at the height `middle` [px]."""
    turned = f"translate(11 {middle:.0f}) rotate(-90)"
    return [
        f'<text class="name" x="{under[0]:.1f}" y="{under[1]:.0f}" text-anchor="middle">{escape(x_label)}</text>',
        f'<text class="name" transform="{turned}" text-anchor="middle">{escape(y_label)}</text>',
    ]


def density(
    x: NDArray[np.float64], y: NDArray[np.float64], x_label: str, y_label: str, *, cells: int = 44, width: int = 400
) -> str:
    """How often each place of a plane was visited, both axes to the same scale, darker for more often.

    Args:
        x, y: (N,) coordinates; those that are not finite are left out.
    """
    keep = np.isfinite(x) & np.isfinite(y)
    x, y = x[keep], y[keep]
    if not len(x):
        return '<p class="note">No positions.</p>'
    (x0, x1), (y0, y1) = _padded(float(x.min()), float(x.max())), _padded(float(y.min()), float(y.max()))
    extent = max(x1 - x0, y1 - y0)
    x0, x1 = (x0 + x1 - extent) / 2, (x0 + x1 + extent) / 2
    y0, y1 = (y0 + y1 - extent) / 2, (y0 + y1 + extent) / 2
    counts, *_ = np.histogram2d(x, y, bins=cells, range=[[x0, x1], [y0, y1]])
    levels = [value for value in round_ticks(y0, y1, 4) if y0 <= value <= y1]
    left, top = tick_room((f"{v:g}" for v in levels), least=66), 10
    side = width - left - 12
    cell = side / cells
    parts = [f'<rect class="plane" x="{left}" y="{top}" width="{side}" height="{side}" rx="4"/>']
    strongest = np.log1p(counts.max())
    for i, j in np.argwhere(counts > 0):
        shade = 0.12 + 0.88 * np.log1p(counts[i, j]) / strongest
        parts.append(
            f'<rect class="cell" x="{left + i * cell:.1f}" y="{top + side - (j + 1) * cell:.1f}" '
            f'width="{cell + 0.3:.1f}" height="{cell + 0.3:.1f}" opacity="{shade:.2f}"/>'
        )
    for value in round_ticks(x0, x1, 4):
        if x0 <= value <= x1:
            at = left + side * (value - x0) / extent
            parts.append(f'<text class="tick" x="{at:.1f}" y="{top + side + 17}" text-anchor="middle">{value:g}</text>')
    for value in levels:
        at = top + side * (1 - (value - y0) / extent)
        parts.append(f'<text class="tick" x="{left - 7:.1f}" y="{at + 4:.1f}" text-anchor="end">{value:g}</text>')
    height = top + side + 40
    parts += _named(x_label, y_label, (left + side / 2, height - 4), top + side / 2)
    return svg(width, height, parts, f"Density over {x_label} and {y_label}")


def _padded(low: float, high: float) -> tuple[float, float]:
    """A little more than the range; something around a single value."""
    margin = 0.02 * (high - low) if high > low else max(1e-3, 0.05 * abs(high))
    return low - margin, high + margin
