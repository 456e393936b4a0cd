"""Distributions as inline SVG (pure): histograms, and densities over a plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from robot_rl.page.charts import round_ticks, svg


def histogram(
    groups: Mapping[str, NDArray[np.float64]],
    label: str,
    *,
    colours: Mapping[str, str],
    bins: int = 24,
    marks: Sequence[float] = (),
    width: int = 260,
    height: int = 130,
) -> str:
    """A stacked histogram of numbers by group.

    Args:
        groups: name to values (N,); numbers that are not finite are left out.
        label: what the numbers are, under the axis.
        colours: of each group, as CSS.
        marks: where to draw dashed lines, e.g. bounds.
    """
    finite = {name: v[np.isfinite(v)] for name, v in groups.items()}
    every = np.concatenate([*finite.values(), np.empty(0)])
    if not len(every):
        return '<p class="note">No numbers.</p>'
    low, high = _padded(float(every.min()), float(every.max()))
    edges = np.linspace(low, high, bins + 1)
    counts = {name: np.histogram(v, edges)[0] for name, v in finite.items()}
    top = max(1, int(sum(counts.values()).max()))  # type: ignore[union-attr]
    left, right, head, foot = 6, 6, 8, 36
    span, tall = width - left - right, height - head - foot

    def x(value: float) -> float:
        return left + span * (value - low) / (high - low)

    parts = [f'<line class="grid" x1="{left}" x2="{width - right}" y1="{head + tall}" y2="{head + tall}"/>']
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
    parts.append(f'<text class="name" x="{width / 2}" y="{height - 4}" text-anchor="middle">{escape(label)}</text>')
    return svg(width, height, parts, f"Histogram of {label}")


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
    left, top, side = 66, 10, width - 78
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
    for value in round_ticks(y0, y1, 4):
        if y0 <= value <= y1:
            at = top + side * (1 - (value - y0) / extent)
            parts.append(f'<text class="tick" x="{left - 7}" y="{at + 4:.1f}" text-anchor="end">{value:g}</text>')
    height = top + side + 40
    middle = f"translate(10 {top + side / 2:.0f}) rotate(-90)"
    parts.append(
        f'<text class="name" x="{left + side / 2}" y="{height - 4}" text-anchor="middle">{escape(x_label)}</text>'
    )
    parts.append(f'<text class="name" transform="{middle}" text-anchor="middle">{escape(y_label)}</text>')
    return svg(width, height, parts, f"Density over {x_label} and {y_label}")


def _padded(low: float, high: float) -> tuple[float, float]:
    """A little more than the range; something around a single value."""
    margin = 0.02 * (high - low) if high > low else max(1e-3, 0.05 * abs(high))
    return low - margin, high + margin
