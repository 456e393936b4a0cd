"""What a check found: each with its severity, place, figure and remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum


class Severity(IntEnum):
    """How much a finding matters."""

    INFO = 0
    """Good to know; nothing is wrong with it."""
    WARNING = 1
    """May spoil what is learned: look at it."""
    ERROR = 2
    """Wrong: it will spoil what is learned, or cannot be read."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found."""

    severity: Severity
    kind: str
    """What it is, in a word or two: `dropped frames`."""
    message: str
    """What is the case, with figures."""
    remedy: str
    """What to do about it."""
    episode: int | None = None
    """Number of the episode; None when it concerns the data set."""
    stream: str = ""
    """The stream or column; empty when it concerns none."""
    figure: float = float("nan")
    """The number behind it, in `unit`."""
    unit: str = ""


@dataclass(frozen=True)
class Group:
    """The same finding in several episodes."""

    worst: Finding
    """The one with the largest figure."""
    episodes: tuple[int, ...]
    """Numbers of the episodes; empty when it concerns the data set."""


@dataclass(frozen=True)
class CheckReport:
    """Everything found in a data set."""

    episodes: int
    """How many were looked at."""
    findings: tuple[Finding, ...]
    figures: Mapping[str, float] = field(default_factory=dict)
    """What was measured, by name with unit, found wanting or not: `lag of twist [ms]`."""

    @property
    def worst(self) -> Severity | None:
        """The highest severity; None when nothing was found."""
        return max((f.severity for f in self.findings), default=None)

    def count(self, severity: Severity) -> int:
        """How many kinds of finding there are of a severity."""
        return sum(g.worst.severity == severity for g in self.groups())

    def groups(self) -> list[Group]:
        """The findings, those of the same kind, stream and severity together, the gravest first."""
        return group(self.findings)


def group(findings: Iterable[Finding]) -> list[Group]:
    """Findings of the same kind, stream and severity together, the gravest first."""
    together: dict[tuple[Severity, str, str], list[Finding]] = {}
    for f in findings:
        together.setdefault((f.severity, f.kind, f.stream), []).append(f)
    groups = [
        Group(
            worst=max(fs, key=lambda f: abs(f.figure) if f.figure == f.figure else 0.0),
            episodes=tuple(sorted({f.episode for f in fs if f.episode is not None})),
        )
        for fs in together.values()
    ]
    return sorted(groups, key=lambda g: (-g.worst.severity, g.worst.kind, g.worst.stream))
