"""The report of a run: one HTML file that holds all it shows (figures, pictures, styles) and needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from robot_rl.datasets.kinds import KIND_NAMES, KINDS
from robot_rl.learn.film import Clip, EpisodeRow, animation_uri, jpeg_uri, strip_indices
from robot_rl.learn.statistics import Proportion, compare, wilson
from robot_rl.page import charts, layout
from robot_rl.page.charts import Points

STRIP_FRAMES = 8


@dataclass(frozen=True)
class Stage:
    """One stage of the run that was measured by trials."""

    name: str
    successes: tuple[bool, ...]
    """Of every trial, in the order of `seeds`."""
    seeds: tuple[int, ...] = ()
    """The initial states; stages with the same seeds are compared in pairs with the first such stage."""
    note: str = ""
    """One line: what it was trained on, by whom it was driven."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Further columns of the table, e.g. steps to success, training time."""
    clip: Clip | None = None


@dataclass(frozen=True)
class RunReport:
    """Everything the report shows. Sections without content are left out."""

    title: str
    summary: str
    """One or two sentences: what was done and what came of it."""
    stages: tuple[Stage, ...]
    curves: Mapping[str, Mapping[str, Points]] = field(default_factory=dict)
    """Stage to its logged series (`loss`, `holdout_loss`), as `curves.load_curves` reads them."""
    timelines: Mapping[str, Sequence[EpisodeRow]] = field(default_factory=dict)
    """Title to episodes: where the operator stepped in."""
    clips: tuple[Clip, ...] = ()
    """Further episodes to look at."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Versions, wall times, the command."""
    notes: tuple[str, ...] = ()
    """What a reader must know to judge the figures."""


def write_report(report: RunReport, path: Path) -> Path:
    """Write the report to `path` (report.html) and return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(report), encoding="utf-8")
    return path


def render(report: RunReport) -> str:
    """The report as HTML text."""
    sections = [
        layout.section("Success", _success(report.stages)),
        layout.section("Pictures", _pictures(report)),
        layout.section("Where the operator stepped in", _timelines(report.timelines)),
        layout.section("Learning curves", _curves(report)),
        layout.section("About this run", _facts(report)),
    ]
    return layout.page(report.title, report.summary, sections)


def proportions(stages: Sequence[Stage]) -> list[tuple[Stage, Proportion]]:
    """Each stage that has trials, with its success rate."""
    return [(s, wilson(sum(s.successes), len(s.successes))) for s in stages if s.successes]


def _success(stages: Sequence[Stage]) -> str:
    measured = proportions(stages)
    if not measured:
        return ""
    chart = charts.intervals([(s.name, p) for s, p in measured])
    extra = list(dict.fromkeys(key for s in stages for key in s.facts))
    head = ["Stage", "Success", "95 % interval", "Trials", *extra, "Against the first on the same states"]
    rows = []
    for stage, p in measured:
        name = f"<b>{escape(stage.name)}</b>" + (f"<small>{escape(stage.note)}</small>" if stage.note else "")
        cells = [name, f"{p.rate:.0%}", f'<span class="whole">{p.low:.0%} to {p.high:.0%}</span>', str(p.trials)]
        cells += [escape(stage.facts.get(key, "")) for key in extra]
        rows.append([*cells, escape(_paired(stage, [s for s, _ in measured]))])
    if not any(row[-1] for row in rows):
        head, rows = head[:-1], [row[:-1] for row in rows]
    return f'<div class="card">{chart}</div>{layout.table(head, rows)}'


def _paired(stage: Stage, stages: Sequence[Stage]) -> str:
    """How a stage compares with the first that was tried on the same initial states."""
    first = next((s for s in stages if s.seeds and s.seeds == stage.seeds), stage)
    return "" if first is stage else str(compare(first.successes, stage.successes))


def _pictures(report: RunReport) -> str:
    shown = [(s.name, s.clip) for s in report.stages if s.clip is not None] + [("", c) for c in report.clips]
    return "".join(_film(name, clip) for name, clip in shown)


def _film(name: str, clip: Clip) -> str:
    indices = strip_indices(len(clip.frames), STRIP_FRAMES)
    cells = "".join(
        f'<figure class="frame kind-{clip.kinds[i]}"><img src="{jpeg_uri(clip.frames[i])}" alt="step {i}">'
        f"<figcaption>{i / clip.rate:.1f} s</figcaption></figure>"
        for i in indices
    )
    still = jpeg_uri(clip.frames[-1])
    video = (
        f'<picture><source media="(prefers-reduced-motion: reduce)" srcset="{still}">'
        f'<img class="video" src="{animation_uri(clip)}" alt="animation of the episode"></picture>'
    )
    heading = f"<h3>{escape(name)}</h3>" if name else ""
    words = f'<p class="note">{escape(clip.caption)}</p>'
    return (
        f'<div class="card film">{heading}{words}<div class="reel">{video}<div class="strip">{cells}</div></div></div>'
    )


def _timelines(timelines: Mapping[str, Sequence[EpisodeRow]]) -> str:
    shown = {title: rows for title, rows in timelines.items() if rows}
    if not shown:
        return ""
    present = [k for k in KINDS if any(k in row.kinds for rows in shown.values() for row in rows)]
    keys = "".join(f'<span class="key"><b class="swatch kind-{k}"></b>{KIND_NAMES[k]}</span>' for k in present)
    marks = {True: "✓", False: "✗", None: "·"}
    parts = [f'<div class="legend">{keys}<span class="key">✓ success &nbsp; ✗ failure</span></div>']
    for title, rows in shown.items():
        chart = charts.timeline([(r.label, r.kinds, marks[r.success]) for r in rows])
        parts.append(f'<div class="card"><h3>{escape(title)}</h3><p class="note">{_shares(rows)}</p>{chart}</div>')
    return "".join(parts)


def _shares(rows: Sequence[EpisodeRow]) -> str:
    """How many episodes, and how the steps divide."""
    kinds = [k for row in rows for k in row.kinds]
    parts = [f"{kinds.count(k) / len(kinds):.0%} {KIND_NAMES[k]}" for k in KINDS if k in kinds]
    helped = sum("correction" in row.kinds or "recovery" in row.kinds for row in rows)
    taken = f", the operator stepped in during {helped}" if helped else ""
    return f"{len(rows)} episodes{taken}; of {len(kinds)} steps: {', '.join(parts)}. The axis counts steps."


def _curves(report: RunReport) -> str:
    losses: dict[str, Points] = {}
    for stage, series in report.curves.items():
        losses |= {stage: series.get("loss", ()), f"{stage} (held out)": series.get("holdout_loss", ())}
    losses = {name: points for name, points in losses.items() if points}
    success = {stage: series["success"] for stage, series in report.curves.items() if series.get("success")}
    colours = {stage.name: i for i, (stage, _) in enumerate(proportions(report.stages))}
    parts = []
    x = "optimiser step"
    if losses:
        y = "loss (log scale)"
        parts.append(charts.lines(losses, x_label=x, y_label=y, log_y=True, colours=colours, width=720, height=300))
    if success:
        y = "success of the checkpoints"
        parts.append(charts.lines(success, x_label=x, y_label=y, colours=colours, width=720, height=240))
    return "".join(f'<div class="card">{chart}</div>' for chart in parts)


def _facts(report: RunReport) -> str:
    notes = "".join(f"<li>{escape(n)}</li>" for n in report.notes)
    return (f"<ul>{notes}</ul>" if notes else "") + layout.facts(report.facts)
