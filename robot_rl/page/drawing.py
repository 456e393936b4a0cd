"""Drawings as inline SVG that scale with the page, and their keys (pure)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

NARROW = 400
"""Of a drawing on a phone [px]: its text stays legible there."""
SERIES = 6
"""Colours of series, `--c0` to `--c5` in the page's style sheet; a seventh series begins again."""


def svg(width: int, height: float, parts: Sequence[str], title: str) -> str:
    """The parts as one drawing that scales with the page, named for those who do not see it."""
    body = "".join(parts)
    size = f'viewBox="0 0 {width} {height:.0f}" style="max-width:{width}px"'
    return f'<svg {size} role="img" aria-label="{escape(title)}">{body}</svg>'


def fitted(draw: Callable[[int], str], width: int) -> str:
    """A drawing `width` wide, and behind it the one that takes its place on a phone, unless it is narrow anyway.

    Args:
        draw: the drawing at a width [px], as `svg` makes it.
    """
    if width <= NARROW:
        return draw(width)
    sizes = {"wide": width, "narrow": NARROW}
    return "".join(draw(size).replace("<svg ", f'<svg class="{name}" ', 1) for name, size in sizes.items())


def swatches(colours: Mapping[str, str]) -> str:
    """A key of areas: name to colour, as CSS."""
    keys = "".join(
        f'<span class="key"><b class="swatch" style="background:{colour}"></b>{escape(name)}</span>'
        for name, colour in colours.items()
    )
    return f'<div class="legend">{keys}</div>'
