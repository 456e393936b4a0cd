"""Check this machine: Python and extras, rendering, ROS 2 with images, cameras, input devices, timing, disk.

Each failure comes with what to do about it. Takes about 15 seconds. Exit code 1 if something needed fails.

Examples:
  robot-rl doctor
  robot-rl doctor --only rendering ros
  robot-rl doctor --json > doctor.json
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table

from robot_rl.commands import output
from robot_rl.doctor.check import Finding
from robot_rl.doctor.examine import Name, examine

_STYLE = {"pass": "green", "warn": "yellow", "fail": "bold red"}


@dataclass(frozen=True)
class Options:
    """What to check and how to say it."""

    only: tuple[Name, ...] = ()
    """Run only these checks."""
    json: bool = False
    """Print JSON instead of a table."""


def run(options: Options) -> int:
    """Run the checks and print them; 1 if any failed, else 0."""
    findings = _print_json(options) if options.json else _print_table(options)
    return int(any(f.status == "fail" for f in findings))


def _print_json(options: Options) -> list[Finding]:
    findings = list(examine(options.only))
    print(json.dumps([f.to_dict() for f in findings], indent=2))
    return findings


def _print_table(options: Options) -> list[Finding]:
    console = output.console()
    with console.status("") as status:
        findings = list(examine(options.only, before=lambda name: status.update(f"checking {name} ...")))
    table = Table(box=None, pad_edge=False, show_header=False)
    for f in findings:
        table.add_row(f"[{_STYLE[f.status]}]{f.status}", escape(f.name), escape(f.detail))
        if f.remedy:
            table.add_row("", "", f"[dim]-> {escape(f.remedy)}[/dim]")
    console.print(table)
    counts = {s: sum(f.status == s for f in findings) for s in _STYLE}
    console.print(f"{counts['pass']} passed, {counts['warn']} warnings, {counts['fail']} failed")
    return findings
