"""What a data set holds, at a glance: the figures behind `robot-rl info`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.record import Phase, Source
from robot_rl.datasets.report.sizes import readable_size
from robot_rl.datasets.store.codecs import ImageCodec
from robot_rl.datasets.store.root import HIDDEN
from robot_rl.datasets.verdicts import UNJUDGED, Verdict, recorded


@dataclass(frozen=True)
class StreamSummary:
    """One stream over all episodes."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    unit: str
    samples: int
    nominal_rate: float
    """[Hz]"""
    measured_rate: float
    """Samples per second between the first and last of each episode [Hz]; 0 when there are too few."""
    bytes: int
    """On disk, stamps included."""
    raw_bytes: int
    """What the values alone would take undecoded [bytes]."""
    codec: str
    """How pictures are stored; empty for numbers."""
    psnr: float | None
    """Peak signal-to-noise ratio of pictures stored with loss [dB], measured against the camera's while
    recording; infinite where nothing is lost, None where it was not measured."""


@dataclass(frozen=True)
class Summary:
    """One data set."""

    path: Path
    identity: str
    robot: str
    control_mode: str
    rate: float
    episodes: int
    steps: int
    minutes: float
    succeeded: int
    failed: int
    """Only what somebody judged, see `datasets.verdicts`."""
    unjudged: int
    purposes: Mapping[str, int]
    """Episodes by purpose."""
    phases: Mapping[str, float]
    """Share of the steps by phase."""
    sources: Mapping[str, float]
    """Share of the steps by who acted."""
    streams: tuple[StreamSummary, ...]
    bytes: int
    """Whole directory [bytes], without the cache of decoded pictures."""
    unfinished: int
    """Episodes that were being recorded when a process died, or are being recorded now."""


def summarise(dataset: Dataset, skip: Collection[int] = ()) -> Summary:
    """Read every episode's steps and stamps, and add up; episodes numbered in `skip` are left out.

    Raises DatasetError on damage.
    """
    phases, sources, verdicts, purposes = Counter[int](), Counter[int](), Counter[Verdict](), Counter[str]()
    samples, spans = Counter[str](), Counter[str]()
    intervals: Counter[str] = Counter()
    sizes, measured = Counter[str](), Counter[str]()
    squares: defaultdict[str, float] = defaultdict(float)
    steps, seconds = 0, 0.0
    for episode in (dataset.episode(n) for n in dataset.numbers if n not in skip):
        steps += len(episode)
        seconds += (episode.end - int(episode.steps["stamp"][0])) * 1e-9
        verdicts[recorded(episode.success, episode.attributes)] += 1
        purposes[episode.purpose] += 1
        phases.update(episode.steps["phase"].tolist())
        sources.update(episode.steps["source"].tolist())
        for name in episode.stream_names:
            stamps = episode.stream(name).stamps
            samples[name] += len(stamps)
            if len(stamps) > 1:
                intervals[name] += len(stamps) - 1
                spans[name] += int(stamps[-1] - stamps[0])
            sizes[name] += folder_bytes(episode.folder / "streams" / name)
        for name, error in episode.attributes.get("coding_error", {}).items():
            squares[name] += error["mse"] * error["frames"]
            measured[name] += error["frames"]
    streams = tuple(
        StreamSummary(
            name=name,
            shape=f.shape,
            dtype=f.dtype,
            unit=f.unit,
            samples=samples[name],
            nominal_rate=f.rate,
            measured_rate=intervals[name] / (spans[name] * 1e-9) if spans[name] else 0.0,
            bytes=sizes[name],
            raw_bytes=samples[name] * int(np.prod(f.shape, dtype=int)) * np.dtype(f.dtype).itemsize,
            codec=str(dataset.codecs.get(name, "")),
            psnr=_psnr(dataset.codecs.get(name), squares[name], measured[name]),
        )
        for name, f in dataset.fields.items()
    )
    return Summary(
        path=dataset.path,
        identity=dataset.identity,
        robot=dataset.spec.robot,
        control_mode=dataset.spec.control_mode,
        rate=dataset.spec.rate,
        episodes=len(dataset) - len(skip),
        steps=steps,
        minutes=seconds / 60,
        succeeded=verdicts["success"],
        failed=verdicts["failure"],
        unjudged=verdicts[UNJUDGED],
        purposes=dict(purposes),
        phases={Phase(k).name.lower(): n / steps for k, n in sorted(phases.items())},
        sources={Source(k).name.lower(): n / steps for k, n in sorted(sources.items())},
        streams=streams,
        bytes=folder_bytes(dataset.path) - folder_bytes(dataset.path / HIDDEN / "cache"),
        unfinished=len(dataset.unfinished()),
    )


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def render(summary: Summary) -> RenderableType:
    """The summary as rich tables, for a terminal."""
    s = summary
    facts = Table.grid(padding=(0, 2))
    judged = s.succeeded + s.failed
    success = f"{s.succeeded} of {judged}" if judged or not s.unjudged else "nobody judged any"
    success += f", {s.unjudged} nobody judged" if judged and s.unjudged else ""
    rows = [
        ("data set", str(s.path)),
        ("identity", s.identity),
        ("robot", f"{s.robot} ({s.control_mode or 'one control mode'}, {s.rate:g} Hz)"),
        ("episodes", f"{s.episodes} ({_counts(s.purposes)})" if s.purposes else "0"),
        ("steps", f"{s.steps} ({s.minutes:.1f} min)"),
        ("success", success),
        ("phases", _shares(s.phases)),
        ("who acted", _shares(s.sources)),
        ("on disk", readable_size(s.bytes)),
    ]
    for name, text in rows:
        facts.add_row(Text(name, style="bold"), text)
    return Group(facts, Text(), _stream_table(s.streams))


def _stream_table(streams: tuple[StreamSummary, ...]) -> Table:
    table = Table("stream", "shape", "type", "unit", "samples", "rate [Hz]", "size", "of raw", "codec", title="Streams")
    for f in streams:
        rate = f"{f.measured_rate:.1f} of {f.nominal_rate:g}"
        shape = "x".join(map(str, f.shape))
        share = f"{f.bytes / f.raw_bytes:.0%}" if f.raw_bytes else ""
        table.add_row(f.name, shape, f.dtype, f.unit, str(f.samples), rate, readable_size(f.bytes), share, _codec(f))
    return table


def _codec(stream: StreamSummary) -> str:
    """`jpeg:95, 41.3 dB`, `zstd:1, lossless`; nothing for numbers."""
    if not stream.codec:
        return ""
    if stream.psnr is None:
        return f"{stream.codec}, PSNR not measured"
    return f"{stream.codec}, " + ("lossless" if np.isinf(stream.psnr) else f"{stream.psnr:.1f} dB")


def _psnr(codec: ImageCodec | None, squares: float, frames: int) -> float | None:
    """10 log10(255^2 / mean squared error) [dB]."""
    if codec is None or (not codec.lossless and not frames):
        return None
    return float(10 * np.log10(255**2 * frames / squares)) if squares else float("inf")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counts.items())


def _shares(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
