"""The frame of a page: head, sections, tables, lists of facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path

STYLE = Path(__file__).with_name("page.css")
FEW = 3
"""Columns of a table that fit a phone; one of more is scrolled there."""


def page(title: str, summary: str, sections: Iterable[str], *, script: str = "") -> str:
    """A whole page as HTML text that needs no network.

    Args:
        sections: as `section` makes them.
        script: JavaScript put at the end; the page must say all it has to without it.
    """
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE.read_text()}</style></head><body><main>"
        f'<header><h1>{escape(title)}</h1><p class="lead">{escape(summary)}</p></header>'
        f"{''.join(sections)}<footer>Written {datetime.now():%Y-%m-%d %H:%M}</footer></main>"
        f"{f'<script>{script}</script>' if script else ''}</body></html>\n"
    )


def section(title: str, content: str) -> str:
    """A part of the page under a heading; nothing when it has no content."""
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; headings are text, cells are HTML."""
    few = ' class="few"' if len(head) <= FEW else ""
    top = "".join(f"<th>{escape(h)}</th>" for h in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table{few}><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def facts(values: Mapping[str, str]) -> str:
    """Names and what they are."""
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in values.items())
    return f"<dl>{rows}</dl>" if rows else ""
