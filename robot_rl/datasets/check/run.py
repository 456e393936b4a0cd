"""Go through a data set once and say what is found."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

from robot_rl.datasets.check.demonstrators import DemonstratorRules
from robot_rl.datasets.check.episode_timing import timing_findings
from robot_rl.datasets.check.episode_values import value_findings
from robot_rl.datasets.check.findings import CheckReport, Finding, Severity
from robot_rl.datasets.check.whole import ChannelRules, ClippingRules, LagRules
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.errors import DatasetError


class Rules(Protocol):
    """Something that looks at every episode, then says what it found in all."""

    def add(self, episode: Episode) -> None:
        """Take in one episode."""
        ...

    def findings(self) -> Iterator[Finding]:
        """What was found."""
        ...


def check(dataset: Dataset) -> CheckReport:
    """Look for what spoils data without anybody noticing; reads every number, and every picture undecoded.

    An episode that cannot be read is a finding, not an error.
    """
    rates = {name: field.rate for name, field in dataset.fields.items()} | {"steps": dataset.spec.rate}
    lags, clipping = LagRules(dataset.spec), ClippingRules(dataset.spec)
    rules: list[Rules] = [ChannelRules(dataset.spec), lags, clipping, DemonstratorRules(dataset.spec)]
    found: list[Finding] = []
    for number in dataset.numbers:
        episode = dataset.episode(number)
        try:
            found += timing_findings(episode, rates)
            found += value_findings(episode)
            for rule in rules:
                rule.add(episode)
        except (DatasetError, OSError) as error:
            found.append(_unreadable(number, error))
    for rule in rules:
        found += rule.findings()
    figures = {k: v for k, v in (lags.figures() | clipping.figures()).items() if math.isfinite(v)}
    return CheckReport(len(dataset), tuple(found), figures)


def _unreadable(number: int, error: Exception) -> Finding:
    return Finding(
        Severity.ERROR,
        "unreadable",
        str(error),
        "robot-rl data verify says what is damaged; delete the episode, or restore it from a copy",
        number,
    )
