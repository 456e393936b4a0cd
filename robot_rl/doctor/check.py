"""One finding of the doctor: what was looked at, how it stands, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["pass", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    name: str
    status: Status
    """`fail`: something needed does not work. `warn`: something optional is missing, or slower than it should be."""
    detail: str
    """What was seen, in one line."""
    remedy: str = ""
    """What to do; empty when the check passed."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """What was measured, with the unit in the key."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


Check = Callable[[], list[Finding]]
"""Looks at one thing. Returns findings and never raises for what it finds wrong."""
