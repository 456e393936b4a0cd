"""What is found in the stamps of one episode."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.check.findings import Finding, Severity
from robot_rl.datasets.check.timing import Timing, clock_jumps, timing, without_jumps
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.sampling.alignment import latest_before
from robot_rl.datasets.store.reading import read_rows

RATE_OFF = 0.05
"""A usual rate further from the nominal one than this share is reported."""
JITTER = 0.2
"""Jitter above this share of a period is reported."""
DROPPED = 0.01
"""A larger share of missing samples is a warning, a smaller one is for information."""
EDGE_PERIODS = 3.0
"""How many periods a stream may start late, stop early or run ahead of the steps."""


def timing_findings(episode: Episode, rates: dict[str, float]) -> Iterator[Finding]:
    """Dropped samples, jitter, wrong rates, clock steps, streams that start late or stop early.

    Args:
        rates: nominal rate of each stream and of `steps` [Hz].
    """
    steps = episode.steps["stamp"]
    streams = {n: read_rows(episode.folder / "streams" / n / "stamp") for n in episode.stream_names}
    jumps = clock_jumps(steps, {n: s for n, s in streams.items() if n in rates})
    for jump in jumps:
        yield Finding(
            Severity.ERROR,
            "clock step",
            f"every stamp leaps ahead by {jump.seconds:.2f} s at once: the clock was set, or everything stood still",
            "synchronise the clock before recording (chrony, PTP) and never during it; trim or split the episode here",
            episode.number,
            "",
            jump.seconds,
            "s",
        )
    yield from _regular(episode.number, "steps", timing(without_jumps(steps, jumps)), rates["steps"], len(steps))
    yield from (_silent(episode.number, name) for name, stamps in streams.items() if not len(stamps))
    for name, rate, stamps in _alike({n: s for n, s in streams.items() if len(s)}, rates):
        seen = stamps[max(int(latest_before(stamps, steps[:1])[0]), 0) :]  # one held from before the start is no gap
        figures = timing(without_jumps(seen, jumps))
        ahead = yield from _edges(episode, name, stamps, 1.0 / rate)
        yield from _regular(episode.number, name, figures, rate, len(seen), ahead=ahead)


def _alike(
    streams: dict[str, NDArray[np.int64]], rates: dict[str, float]
) -> Iterator[tuple[str, float, NDArray[np.int64]]]:
    """Streams that were stamped together, as the parts of one reading are, are one: a stall of it is found once."""
    groups: dict[tuple[float, bytes], list[str]] = {}
    for name, stamps in streams.items():
        groups.setdefault((rates[name], stamps.tobytes()), []).append(name)
    for (rate, _), names in groups.items():
        yield ", ".join(names), rate, streams[names[0]]


def _regular(number: int, name: str, t: Timing, nominal: float, count: int, *, ahead: float = 0.0) -> Iterator[Finding]:
    """What the intervals of one stream show; a gap that is a clock step already [s] is not counted as dropped."""
    if t.backwards:
        yield Finding(
            Severity.ERROR,
            "clock step",
            f"the stamps go back at sample {t.backwards[0]} ({len(t.backwards)} times)",
            "do not train on it: delete or trim the episode; stamp with a monotonic clock",
            number,
            name,
            len(t.backwards),
            "times",
        )
    if t.repeated:
        yield Finding(
            Severity.WARNING,
            "repeated stamps",
            f"{t.repeated} samples have the stamp of the one before",
            "make the driver stamp each measurement when it is taken",
            number,
            name,
            t.repeated,
            "samples",
        )
    dropped = max(0, t.dropped - round(ahead * t.rate))
    if dropped:
        share = dropped / (dropped + count)
        yield Finding(
            Severity.WARNING if share > DROPPED else Severity.INFO,
            "dropped frames",
            f"{dropped} of {dropped + count} samples are missing ({share:.1%}), longest gap {t.longest * 1e3:.0f} ms",
            "lower the resolution or rate, use another USB controller, or give the recorder more time",
            number,
            name,
            100 * share,
            "%",
        )
    if nominal > 0 and t.rate and abs(t.rate / nominal - 1) > RATE_OFF:
        yield Finding(
            Severity.WARNING,
            "rate",
            f"{t.rate:.1f} Hz, the data set says {nominal:g} Hz",
            "check exposure time and the device's settings, or correct the rate in robot.yaml",
            number,
            name,
            t.rate,
            "Hz",
        )
    if t.period and t.jitter > JITTER * t.period:
        yield Finding(
            Severity.WARNING,
            "jitter",
            f"intervals stray by {t.jitter * 1e3:.1f} ms from {t.period * 1e3:.1f} ms (95 % of them by less)",
            "stamp at acquisition rather than on arrival; raise the driver's priority",
            number,
            name,
            t.jitter * 1e3,
            "ms",
        )


def _edges(episode: Episode, name: str, stamps: NDArray[np.int64], period: float) -> Generator[Finding, None, float]:
    """Streams that begin after the steps, end before them or run ahead; returns by how much they run ahead [s]."""
    late = (int(stamps[0]) - int(episode.steps["stamp"][0])) * 1e-9
    behind = (episode.end - int(stamps[-1])) * 1e-9
    slack = EDGE_PERIODS * max(period, 1.0 / episode.spec.rate)
    if late > slack:
        yield Finding(
            Severity.WARNING,
            "late start",
            f"the first sample comes {late * 1e3:.0f} ms after the first step: the steps before see a later picture",
            "wait for every sensor before the episode begins; trim its start",
            episode.number,
            name,
            late * 1e3,
            "ms",
        )
    if behind > slack:
        yield Finding(
            Severity.WARNING,
            "early end",
            f"the last sample is {behind * 1e3:.0f} ms older than the end: the steps after it see an old value",
            "check the sensor's connection; trim the episode where it fell silent",
            episode.number,
            name,
            behind * 1e3,
            "ms",
        )
    if -behind > slack:
        yield Finding(
            Severity.ERROR,
            "clock step",
            f"the stamps run {-behind * 1e3:.0f} ms ahead of the steps at the end: this sensor's clock was set forward "
            "or runs by itself",
            "stamp with the clock of the control loop, or synchronise the sensor's (PTP); do not train on it",
            episode.number,
            name,
            -behind * 1e3,
            "ms",
        )
        return -behind
    return 0.0


def _silent(number: int, name: str) -> Finding:
    return Finding(
        Severity.ERROR,
        "silent stream",
        "there is not a single sample",
        "delete the episode, or train without this field; check the sensor's connection",
        number,
        name,
        0.0,
        "samples",
    )
