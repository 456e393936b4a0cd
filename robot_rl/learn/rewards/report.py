"""The report of a classifier: one page with ROC, calibration, score distributions and the worst pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from robot_rl.learn.rewards.train import Result
from robot_rl.page import charts, layout
from robot_rl.page.drawing import swatches
from robot_rl.page.pictures import jpeg_uri
from robot_rl.page.plots import histogram
from robot_rl.page.proportion import Proportion
from robot_rl.rewards.calibration import calibration_error
from robot_rl.rewards.frames import KINDS, LabelledFrames, advice
from robot_rl.rewards.threshold import episodes_needed

WORST = 12
"""Pictures that are shown of each sort of mistake."""
GOOD, BAD = "var(--good)", "var(--bad)"
"""Of success and of what is none, as in the report of a data set; told apart without seeing red or green too."""


def write_report(path: Path, frames: LabelledFrames, result: Result, target: float) -> Path:
    """Write the report of a training to `path` and return it.

    Args:
        target: false successes per episode that were aimed at.
    """
    sections = [
        layout.section("What it does to an episode", _episodes(result, target)),
        layout.section("Telling success apart", _curves(result)),
        layout.section("Worst pictures of the test episodes", _worst(frames, result)),
        layout.section("What it was trained on", _data(frames, result)),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    summary = (
        f"{frames.view}. Success is said at {result.trained.rule} pictures at or above {result.chosen.threshold:.3f}."
    )
    path.write_text(layout.page("Reward classifier", summary, sections), encoding="utf-8")
    return path


def _episodes(result: Result, target: float) -> str:
    test = result.test.point
    rows: list[tuple[str, Proportion]] = [("false successes, test", test.false_successes)]
    colours = [BAD]
    if test.detections is not None:
        rows.append(("successes said, test", test.detections))
        colours.append(GOOD)
    rows.append(("false successes, choosing", result.chosen.false_successes))
    colours.append(BAD)
    needed = f"{episodes_needed(target)} episodes without one" if target > 0 else "no number of episodes"
    note = (
        f"The target was {target:g} false successes per episode; {needed} would show it with 95 % confidence. The test "
        "episodes were used for nothing else. Each row counts episodes, at the first moment success is said."
    )
    return f'<p class="note">{note}</p><div class="card">{charts.intervals(rows, colours=colours)}</div>'


def _curves(result: Result) -> str:
    curve, bins = result.test.curve, result.test.bins
    roc = charts.lines(
        {"test": list(zip(curve.false_positives.tolist(), curve.true_positives.tolist())), "chance": [(0, 0), (1, 1)]},
        x_label="share of other pictures taken for success",
        y_label="share of successes found",
        colours={"test": 1, "chance": 0},
        dashed=("chance",),
        width=420,
    )
    calibration = charts.lines(
        {"test": [(b.said, b.true) for b in bins], "as said": [(0, 0), (1, 1)]},
        x_label="probability said",
        y_label="share that was success",
        colours={"test": 1, "as said": 0},
        dashed=("as said",),
        width=420,
    )
    facts = layout.facts(
        {
            "area under the ROC curve": f"{curve.area:.4f}",
            "expected calibration error": f"{calibration_error(bins):.3f}",
            "log loss, choosing episodes": f"{result.before:.3f} before the temperature, {result.after:.3f} after",
            "temperature": f"{float(result.trained.classifier.temperature):.2f}",
        }
    )
    return f'<div class="card"><div class="pair"><div>{roc}</div><div>{calibration}</div></div>{facts}</div>'


def _worst(frames: LabelledFrames, result: Result) -> str:
    rows, p = result.test.rows, result.test.probabilities
    labels = frames.labels[rows]
    scores = {"success": p[labels], "other pictures": p[~labels]}
    colours = {"success": GOOD, "other pictures": BAD}
    threshold = result.chosen.threshold
    chart = histogram(
        scores, "probability said", counted="pictures", colours=colours, marks=(threshold,), width=720, height=190
    )
    note = f"What was said of each picture; dashed: the threshold, {threshold:.3f}."
    parts = [f'<div class="card"><p class="note">{note}</p>{chart}{swatches(colours)}</div>']
    for title, mask, sign in (("Taken for success most", ~labels, -1.0), ("Missed most", labels, 1.0)):
        order = np.argsort(sign * p[mask], kind="stable")[:WORST]
        cells = "".join(
            f'<figure class="frame"><img src="{jpeg_uri(frames.pictures[i])}" alt="{KINDS[frames.kinds[i]]}">'
            f"<figcaption>{said:.2f}, {KINDS[frames.kinds[i]]}, step {frames.steps[i]}</figcaption></figure>"
            for i, said in zip(rows[mask][order], p[mask][order])
        )
        parts.append(f'<div class="card"><h3>{title}</h3><div class="strip">{cells}</div></div>')
    return "".join(parts)


def _data(frames: LabelledFrames, result: Result) -> str:
    rows = []
    for k, kind in enumerate(KINDS):
        mine = frames.kinds == k
        rows.append([kind, str(int(mine.sum())), str(len(np.unique(frames.episodes[mine])))])
    missing = "".join(f"<li>{line}</li>" for line in advice(frames))
    parts = {p: str(result.parts.count(p)) for p in ("train", "choose", "test")}
    return (
        layout.table(["Kind", "Pictures", "Episodes"], rows)
        + layout.facts({f"episodes to {p} on": n for p, n in parts.items()} | {"digest": result.identity["digest"]})
        + (f"<ul>{missing}</ul>" if missing else "")
    )
