"""What is found in the values of one episode: pictures, numbers, labels."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np

from robot_rl.datasets.check.findings import Finding, Severity
from robot_rl.datasets.check.numbers import not_finite
from robot_rl.datasets.check.pictures import clipped_share, motion, runs_of_equal
from robot_rl.datasets.episode import Episode, Stream
from robot_rl.datasets.record import Source
from robot_rl.datasets.store.reading import Frames

FROZEN_SECONDS, FROZEN_FRAMES = 0.3, 3
"""Equal pictures are frozen from this long on, if the robot moved meanwhile."""
MOVED = 5e-3
"""What counts as motion [m or rad]."""
BLACK, WHITE, NO_DEPTH = 0.9, 0.5, 0.5
"""Shares of black, white and unknown pixels from which a picture is reported."""
_BATCH = 256


def value_findings(episode: Episode) -> Iterator[Finding]:
    """Frozen, black and white pictures, numbers that are not finite, missing labels."""
    for name in episode.stream_names:
        stream = episode.stream(name)
        if isinstance(stream.values, Frames):
            yield from _frozen(episode, stream, stream.values)
            yield from _exposure(episode.number, name, stream.values)
        elif stream.values.dtype.kind == "f":
            yield from _finite(episode.number, name, stream.values, "samples")
    yield from _actions(episode)
    yield from _labels(episode)


def _frozen(episode: Episode, stream: Stream, frames: Frames) -> Iterator[Finding]:
    count = len(frames)
    marks: list[int] = []
    for first in range(0, count, _BATCH):
        marks += [zlib.crc32(data) for data in frames.encoded(np.arange(first, min(first + _BATCH, count)))]
    for start, length in runs_of_equal(marks):
        begin, end = int(stream.stamps[start]), int(stream.stamps[start + length - 1])
        seconds = (end - begin) * 1e-9
        if length >= FROZEN_FRAMES and seconds >= FROZEN_SECONDS and _moved(episode, begin, end):
            yield Finding(
                Severity.ERROR if length >= 0.9 * count else Severity.WARNING,
                "frozen pictures",
                f"{length} pictures from frame {start} on are the same for {seconds:.1f} s while the robot moves",
                "check the camera's cable and driver; trim the episode, or delete it",
                episode.number,
                stream.name,
                seconds,
                "s",
            )


def _moved(episode: Episode, start: int, end: int) -> bool:
    """Whether any position strayed; taken for granted where the robot senses none."""
    positions = [f for f in episode.spec.observation.vectors if f.kind in ("pose", "joint_position")]
    known = [f for f in positions if f.name in episode.stream_names]
    for f in known:
        stream = episode.stream(f.name)
        values = stream.values[:, :3] if f.kind == "pose" else stream.values
        if motion(stream.stamps, values, start, end) > MOVED:
            return True
    return not known


def _exposure(number: int, name: str, frames: Frames) -> Iterator[Finding]:
    if not len(frames):
        return
    picked = frames.take(np.unique(np.linspace(0, len(frames) - 1, 3).round().astype(np.int64)))
    black, white = np.mean([clipped_share(p) for p in picked], axis=0)
    is_depth = picked.ndim == 3
    cases = (
        (is_depth and black > NO_DEPTH, "no depth", black, "of the pixels have no depth", "move the camera away"),
        (not is_depth and black > BLACK, "black pictures", black, "of the pixels are black", "check lens and light"),
        (not is_depth and white > WHITE, "white pictures", white, "of the pixels are white", "lower the exposure"),
    )
    for there, kind, share, words, remedy in cases:
        if there:
            yield Finding(Severity.WARNING, kind, f"{share:.0%} {words}", remedy, number, name, 100 * float(share), "%")


def _finite(number: int, name: str, values: np.ndarray, rows: str) -> Iterator[Finding]:
    bad = not_finite(values)
    if len(bad):
        yield Finding(
            Severity.ERROR,
            "not finite",
            f"{len(bad)} {rows} hold NaN or infinity, the first at {bad[0]}",
            "trim or delete the episode: training refuses it; find out which sensor sends them",
            number,
            name,
            len(bad),
            rows,
        )


def _actions(episode: Episode) -> Iterator[Finding]:
    steps = episode.steps
    yield from _finite(episode.number, "executed", steps["executed"], "steps")
    yield from _finite(episode.number, "reward", steps["reward"], "steps")
    for source, column in ((Source.POLICY, "proposed"), (Source.HUMAN, "human")):
        rows = np.flatnonzero(steps["source"] == source)
        missing = rows[not_finite(steps[column][rows])]
        if len(missing):
            yield Finding(
                Severity.WARNING,
                "missing request",
                f"in {len(missing)} steps the {source.name.lower()} acted, but what it asked for is not recorded "
                f"(NaN), first at step {missing[0]}",
                "nothing for training on executed actions; methods that compare both need it",
                episode.number,
                column,
                len(missing),
                "steps",
            )


def _labels(episode: Episode) -> Iterator[Finding]:
    if episode.success is None:
        yield Finding(
            Severity.WARNING,
            "unlabelled",
            "nobody said whether it succeeded",
            "robot-rl data relabel NAME --episodes N --success true|false",
            episode.number,
        )
    if not episode.attributes.get("instruction"):
        yield Finding(
            Severity.INFO,
            "no task text",
            "it says not in words what was to be done",
            "robot-rl data relabel NAME --episodes N --instruction '...'; language-conditioned policies need it",
            episode.number,
        )
