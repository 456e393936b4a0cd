"""What a process that failed said of it, out of the last lines that it printed."""

from __future__ import annotations

import re
from collections.abc import Sequence

_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit|Timeout)(: .*)?$")
"""The last line of a traceback: the exception's class at the line's very beginning, and its text."""
_LOGGED = re.compile(r"\[(FATAL|ERROR)\]|^(CRITICAL|ERROR)\b")
"""A line that ROS 2 or Python's logging marks as an error."""


def last_error(lines: Sequence[str]) -> list[str]:
    """The lines that say best why, without blank ones: the newest exception or logged error, else the last line; in
    either case with the indented lines that belong to it. Empty if there is none."""
    said = [line.rstrip() for line in lines if line.strip()]
    errors = [i for i, line in enumerate(said) if _EXCEPTION.match(line) or _LOGGED.search(line)]
    first = errors[-1] if errors else len(said) - 1
    while first > 0 and said[first][0].isspace():
        first -= 1
    end = first + 1
    while end < len(said) and said[end][0].isspace():
        end += 1
    return said[first:end]
