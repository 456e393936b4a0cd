"""What was found, as a table for a terminal."""

from __future__ import annotations

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from robot_rl.datasets.check.findings import CheckReport, Group, Severity
from robot_rl.datasets.edit.numbers import as_ranges

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


def render(report: CheckReport) -> RenderableType:
    """One row for each kind of finding, the gravest first, and what was measured."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0))
    for heading in ("", "what", "where", "found", "remedy"):
        table.add_column(heading, overflow="fold")
    for g in report.groups():
        w = g.worst
        severity = Text(w.severity.name.lower(), style=STYLES[w.severity])
        table.add_row(severity, Text(w.kind), Text(place(g)), Text(w.message), Text(w.remedy))
    lines: list[RenderableType] = [table] if report.findings else []
    lines += [Text(f"{name}: {value:.3g}") for name, value in report.figures.items()]
    lines.append(Text(summary(report)))
    return Lines(*lines)


def summary(report: CheckReport) -> str:
    """`25 episodes: 1 error, 2 warnings, 3 notes`."""
    if not report.findings:
        return f"{report.episodes} episodes: nothing found"
    counts = [(report.count(s), n) for s, n in zip(sorted(Severity, reverse=True), ("error", "warning", "note"))]
    words = ", ".join(f"{c} {n}" + ("s" if c != 1 else "") for c, n in counts if c)
    return f"{report.episodes} episodes: {words}"


def place(group: Group) -> str:
    """The stream, and the episodes: `wrist in episodes 3, 5-7`."""
    parts = [group.worst.stream] if group.worst.stream else []
    if group.episodes:
        noun = "episode" if len(group.episodes) == 1 else f"{len(group.episodes)} episodes"
        numbers = as_ranges(group.episodes)
        parts.append(f"{noun}: {numbers}" if len(numbers) < 60 else f"{noun}: {numbers[:56]}...")
    return ", ".join(parts)
