"""The parts of the report of a data set as HTML (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from html import escape

import numpy as np

from robot_rl.datasets.check.findings import Severity
from robot_rl.datasets.check.render import place
from robot_rl.datasets.kinds import KIND_NAMES, KINDS
from robot_rl.datasets.record import Source
from robot_rl.datasets.report.gather import Card, Contents
from robot_rl.datasets.report.sizes import readable_size
from robot_rl.datasets.verdicts import UNJUDGED, Verdict
from robot_rl.page import charts
from robot_rl.page.drawing import swatches
from robot_rl.page.layout import facts, table
from robot_rl.page.plots import density, histogram
from robot_rl.page.proportion import wilson

MARKS: dict[Verdict, str] = {"success": "✓", "failure": "✗", UNJUDGED: "·"}
COLOURS: dict[Verdict, str] = {"success": "var(--good)", "failure": "var(--bad)", UNJUDGED: "var(--c0)"}
ACTORS = {
    Source.HUMAN: ("human", "var(--demonstration)"),
    Source.POLICY: ("policy", "var(--c2)"),
    Source.REWIND: ("rewinding", "var(--recovery)"),
    Source.NONE: ("nobody", "var(--c0)"),
}
CHIPS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
TIMELINE_ROWS = 60


def tiles(c: Contents) -> str:
    """The figures everybody asks for first."""
    s = c.summary
    judged = s.succeeded + s.failed
    rate = wilson(s.succeeded, judged) if judged else None
    apart = f"; {s.unjudged} nobody judged" if s.unjudged else ""
    serious, notes = found(c)
    items = [
        (str(s.episodes), "episodes", ", ".join(f"{n} {p}" for p, n in s.purposes.items())),
        (f"{s.minutes:.1f} min", "recorded", f"{s.steps} steps at {s.rate:g} Hz"),
        (
            f"{rate.rate:.0%}" if rate else "–",
            "succeeded",
            f"{s.succeeded} of {judged}, 95 %: {rate.low:.0%} to {rate.high:.0%}{apart}"
            if rate
            else "nobody judged any episode",
        ),
        (
            readable_size(s.bytes),
            "on disk",
            f"{readable_size(round(s.bytes / s.minutes)) if s.minutes else '–'} a minute",
        ),
        (str(serious) if serious else "none", "problem" if serious == 1 else "problems", notes),
    ]
    cells = "".join(
        f'<div class="tile"><b>{escape(big)}</b><span>{escape(name)}</span><small>{escape(more)}</small></div>'
        for big, name, more in items
    )
    return f'<div class="tiles">{cells}</div>'


def found(c: Contents) -> tuple[int, str]:
    """How many problems the check found, errors and warnings; and in words what else there is to read."""
    errors, warnings, notes = (c.checked.count(s) for s in (Severity.ERROR, Severity.WARNING, Severity.INFO))
    counts = {"error": errors, "warning": warnings, "note": notes}
    parts = [f"{n} {name}" + ("s" if n != 1 else "") for name, n in counts.items() if n]
    words = ", ".join(parts)
    if not errors + warnings:
        words = f"only {words}" if notes else ""
    return errors + warnings, f"{words}; see below" if words else "the check found nothing"


def problems(c: Contents) -> str:
    """What the check found, the gravest first."""
    rows = []
    for g in c.checked.groups():
        w = g.worst
        chip = f'<span class="chip {CHIPS[w.severity]}">{CHIPS[w.severity]}</span>'
        what = f"<b>{escape(w.kind)}</b><small>{escape(place(g))}</small>"
        rows.append([chip, what, escape(w.message), escape(w.remedy)])
    measured = facts({k: f"{v:.3g}" for k, v in c.checked.figures.items()})
    if not rows:
        return f'<p class="note">Nothing was found.</p>{measured}'
    return table(["", "What and where", "Found (worst case)", "What to do"], rows) + measured


def success(c: Contents) -> str:
    """Success by operator, and by task where there are several, with 95 % intervals."""
    parts = [_rates(c.cards, lambda card: card.operator, "by operator")]
    if len({card.instruction for card in c.cards}) > 1:
        parts.append(_rates(c.cards, lambda card: card.instruction or "(no task text)", "by task"))
    if len({card.purpose for card in c.cards}) > 1:
        parts.append(_rates(c.cards, lambda card: card.purpose, "by purpose"))
    return "".join(parts)


def _rates(cards: tuple[Card, ...], key: Callable[[Card], str], title: str) -> str:
    trials, wins = Counter[str](), Counter[str]()
    for card in cards:
        if card.verdict != UNJUDGED:
            trials[key(card)] += 1
            wins[key(card)] += card.verdict == "success"
    if not trials:
        return ""
    chart = charts.intervals([(name, wilson(wins[name], n)) for name, n in trials.most_common(12)])
    return f'<div class="card"><h3>Success {title}</h3><p class="note">Rate and 95 % Wilson interval</p>{chart}</div>'


def lengths(c: Contents) -> str:
    """How long episodes are, by verdict."""
    groups = {str(v): np.array([card.seconds for card in c.cards if card.verdict == v]) for v in COLOURS}
    groups = {name: v for name, v in groups.items() if len(v)}
    colours = {str(v): colour for v, colour in COLOURS.items()}
    chart = histogram(groups, "length [s]", counted="episodes", colours=colours, bins=30, width=720, height=190)
    seconds = np.array([card.seconds for card in c.cards])
    note = f"Median {np.median(seconds):.1f} s, shortest {seconds.min():.1f} s, longest {seconds.max():.1f} s"
    return f'<div class="card"><p class="note">{note}</p>{chart}{swatches({n: colours[n] for n in groups})}</div>'


def pictures(c: Contents) -> str:
    """First, middle and last picture of each camera, episode by episode."""
    shown = [card for card in c.cards if card.stills]
    if not shown:
        return ""
    cells = []
    for card in shown:
        rows = "".join(
            f'<div class="stills" title="{escape(name)}">'
            + "".join(f'<img src="{uri}" alt="{escape(name)}" loading="lazy">' for uri in uris)
            + "</div>"
            for name, uris in card.stills.items()
        )
        colour = COLOURS[card.verdict]
        cells.append(
            f'<figure class="episode" style="border-top-color:{colour}">{rows}<figcaption><b>{card.number}</b>'
            f"<span>{card.seconds:.1f} s</span><span>{escape(card.operator)}</span>"
            f'<span style="color:{colour}">{MARKS[card.verdict]} {card.verdict}</span></figcaption></figure>'
        )
    cameras = ", ".join(shown[0].stills)
    some = "" if len(shown) == len(c.cards) else f" {len(shown)} of {len(c.cards)} episodes are shown."
    note = f'<p class="note">First, middle and last picture of {escape(cameras)}.{some}</p>'
    return note + f'<div class="wall">{"".join(cells)}</div>'


def coverage(c: Contents) -> str:
    """Where each pose has been, from above and from the side."""
    parts = []
    for name, p in c.positions.items():
        frame = f" in frame {c.frames[name]}" if c.frames[name] else ""
        low, high = np.nanmin(p, axis=0), np.nanmax(p, axis=0)
        span = " × ".join(f"{b - a:.2f}" for a, b in zip(low, high))
        parts.append(
            f'<div class="card"><h3>{escape(name)}</h3><p class="note">Positions at every step{escape(frame)}; '
            f"spans {span} m. Darker: more often (logarithmic).</p>"
            f'<div class="pair">{density(p[:, 0], p[:, 1], "x [m]", "y [m]")}'
            f"{density(p[:, 0], p[:, 2], 'x [m]', 'z [m]')}</div></div>"
        )
    return "".join(parts)


def actions(c: Contents) -> str:
    """How the executed actions are distributed, channel by channel, by who acted."""
    if not c.actions:
        return ""
    acting: list[Source] = [who for who in c.actions if who is not Source.NONE] or [Source.NONE]
    names = {who: ACTORS[who][0] for who in acting}
    colours = {ACTORS[who][0]: ACTORS[who][1] for who in names}
    low, high = c.bounds
    plots = "".join(
        histogram(
            {names[who]: c.actions[who][:, i] for who in names},
            f"{label} [{unit}]" if unit else label,
            counted="steps",
            colours=colours,
            marks=[float(b) for b in (low[i], high[i]) if np.isfinite(b)],
        )
        for i, (label, unit) in enumerate(zip(c.labels, c.units))
    )
    note = "Executed actions of every step in which somebody acted; dashed: the bounds."
    return f'<div class="card"><p class="note">{note}</p><div class="grid">{plots}</div>{swatches(colours)}</div>'


def phases(c: Contents) -> str:
    """Every episode as a bar of what its steps were."""
    picked = [c.cards[i] for i in np.unique(np.linspace(0, len(c.cards) - 1, TIMELINE_ROWS).round().astype(int))]
    chart = charts.timeline([(str(card.number), card.kinds, MARKS[card.verdict]) for card in picked])
    kinds = Counter(k for card in c.cards for k in card.kinds)
    total = sum(kinds.values())
    keys = "".join(
        f'<span class="key"><b class="swatch kind-{k}"></b>{KIND_NAMES[k]} {kinds[k] / total:.0%}</span>'
        for k in KINDS
        if kinds[k]
    )
    some = "" if len(picked) == len(c.cards) else f" {len(picked)} of {len(c.cards)} episodes are shown."
    note = f"✓ success, ✗ failure, · nobody judged.{some}"
    return f'<div class="card"><p class="note">{note}</p>{chart}<div class="legend">{keys}</div></div>'


def streams(c: Contents) -> str:
    """What is recorded, how often and how large."""
    rows = [
        [
            f"<b>{escape(f.name)}</b>",
            escape("×".join(map(str, f.shape))),
            escape(f.dtype),
            escape(f.unit),
            f"{f.measured_rate:.1f} of {f.nominal_rate:g}",
            str(f.samples),
            readable_size(f.bytes),
            escape(f.codec),
        ]
        for f in c.summary.streams
    ]
    return table(["Stream", "Shape", "Type", "Unit", "Rate [Hz]", "Samples", "Size", "Codec"], rows)


def about(c: Contents) -> str:
    """Identity and origin."""
    s = c.summary
    return facts(
        {
            "Robot": f"{s.robot} ({s.control_mode or 'one control mode'}, {s.rate:g} Hz)",
            "Identity": s.identity,
            "Created": str(c.attributes.get("created", "")),
            "Written by": str(c.attributes.get("software", "")),
            "Unfinished": str(s.unfinished),
            "Unreadable": ", ".join(map(str, c.unreadable)) or "none",
        }
    )
