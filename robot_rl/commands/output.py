"""Where commands print: tables and lines for people, on a terminal or into a file."""

from __future__ import annotations

import os
import sys

from rich.console import Console

PIPED_WIDTH = 160
"""Columns of what no terminal shows, so that a file or a pager gets whole lines; COLUMNS says otherwise."""


def console(*, soft_wrap: bool = False) -> Console:
    """Standard output, with nothing coloured but what a command colours itself."""
    free = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, soft_wrap=soft_wrap, width=PIPED_WIDTH if free else None)
