"""The model card of a training run, README.md, and its report.html: written from the run's files alone.

Both are written when the run ends, and again after each evaluation whose result is put into `evaluations/`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from robot_rl.learn.curves import load_curves
from robot_rl.learn.evaluate import EvaluationResult
from robot_rl.learn.report import RunReport, Stage, write_report
from robot_rl.page import charts
from robot_rl.page.layout import STYLE
from robot_rl.policies import checkpoint
from robot_rl.policies.checkpoint import Card
from robot_rl.spec import Field

EVALUATIONS = "evaluations"


def run_of(checkpoint_directory: Path) -> Path | None:
    """The run that a checkpoint is the result of; None where it lies by itself."""
    run = checkpoint_directory.parent
    return run if checkpoint_directory.name == "checkpoint" and (run / "train.yaml").is_file() else None


def add_evaluation(run: Path, result: EvaluationResult) -> Path:
    """Keep a result with the run, in place of one on the same states in the same way, and write the card anew."""
    path = _file(run, result)
    result.save(path)
    write_card(run)
    return path


def holds_evaluation(run: Path, result: EvaluationResult) -> bool:
    """Whether the run has a result of the same weights, on the same states in the same way."""
    path = _file(run, result)
    return path.is_file() and EvaluationResult.load(path).weights == result.weights


def _file(run: Path, result: EvaluationResult) -> Path:
    seeds = [t.seed for t in result.trials]
    how = re.sub(r"\W+", "_", result.execution)
    name = "_".join(filter(None, [result.robot, how, f"{min(seeds)}-{max(seeds)}"]))
    return run / EVALUATIONS / f"{name}.json"


def results_of(run: Path) -> list[EvaluationResult]:
    """Every evaluation of the run's present checkpoint. Raises CheckpointError when it has none."""
    own = ("", checkpoint.weights_digest(run / "checkpoint"))  # others were of weights that have been replaced
    every = (EvaluationResult.load(p) for p in sorted((run / EVALUATIONS).glob("*.json")))
    return [r for r in every if r.weights in own]


def write_card(run: Path) -> Path:
    """Write README.md, its figures and report.html into the run's directory; returns the README's path.

    Raises:
        CheckpointError: the run has no checkpoint.
    """
    card = checkpoint.read_card(run / "checkpoint")
    curves = load_curves(run)
    results = results_of(run)
    selection = _json(run / "selection.json")
    figures = _write_figures(run, curves)
    path = run / "README.md"
    path.write_text(_text(run, card, results, selection, figures), encoding="utf-8")
    write_report(_report(run, card, results, selection, curves), run / "report.html")
    return path


def _text(
    run: Path, card: Card, results: list[EvaluationResult], selection: Mapping[str, Any], figures: Mapping[str, str]
) -> str:
    config, training = card.config, card.training
    recipe = training.get("config", {})
    name = f"{recipe.get('name', 'policy')}, {run.name}"
    sections = [
        f"# {name}",
        f"A `{config.head.name}` policy for robot `{card.spec.robot}` at {card.spec.rate:g} Hz. From the newest "
        f"{config.n_obs} observations of {', '.join(f'`{n}`' for n in card.inputs)} it proposes {config.horizon} "
        f"actions, of which {config.n_action_steps} are executed by default.",
        "## Success",
        _success(results),
        "## Which checkpoint",
        f"{_capital(str(selection.get('why', 'not written down')))}.",
        "## Data",
        _data(card.dataset, recipe),
        "## Training",
        _training(training),
        *(f"![{what}]({file})" for file, what in figures.items()),
        "## What it takes and gives",
        _fields("observation", card.inputs.values()),
        _fields(
            f"action ({card.spec.control_mode})" if card.spec.control_mode else "action", card.spec.action.values()
        ),
        "## Use",
        _use(run, card.spec.robot),
        "## Written by",
        _table(card.provenance.items()),
    ]
    return "\n\n".join(sections) + "\n"


def _success(results: list[EvaluationResult]) -> str:
    if not results:
        return "Not evaluated yet: `robot-rl evaluate` adds its result here."
    rows = ["| robot | execution | initial states | success | 95 % interval |", "|---|---|---|---|---|"]
    for r in results:
        p, seeds = r.proportion, [t.seed for t in r.trials]
        rows.append(
            f"| {r.robot} | {r.execution or 'receding'} | seeds {min(seeds)} to {max(seeds)} | "
            f"{p.successes}/{p.trials} = {p.rate:.0%} | {p.low:.0%} to {p.high:.0%} |"
        )
    return "\n".join(rows)


def _data(identity: Mapping[str, Any], recipe: Mapping[str, Any]) -> str:
    lines = [
        f"- `{d['name']}`: {d['episodes']} episodes, identity `{d['identity']}`" for d in identity.get("datasets", ())
    ]
    held = identity.get("held_out_episodes", 0)
    lines.append(
        f"- rule `{identity.get('select', '')}`: {identity.get('steps', 0)} windows of {identity.get('episodes', 0)} "
        f"episodes; {held} held out; weights `{recipe.get('weights') or 'none'}`; digest `{identity.get('digest', '')}`"
    )
    return "\n".join(lines)


def _training(training: Mapping[str, Any]) -> str:
    config = training.get("config", {})
    holdout = training.get("holdout_loss")
    rows = {
        "optimiser step of this checkpoint": f"{training.get('step')} of {config.get('steps')}",
        "batch": f"{config.get('batch')}, {training.get('processes', 1)} process(es), {training.get('precision', '')}",
        "learning rate": f"{config.get('lr')}, warm-up {config.get('warmup')}, cosine to 0",
        "training loss": f"{training.get('loss', float('nan')):.4g}",
        "held-out loss": "none held out" if holdout is None else f"{holdout:.4g}",
        "wall time": f"{training.get('seconds', 0):.0f} s",
        "seed": config.get("seed"),
    }
    return _table(rows.items()) + "\n\nEvery option is in [train.yaml](train.yaml)."


def _fields(title: str, fields: Iterable[Field]) -> str:
    rows = [f"| {title} | shape | kind | unit | frame |", "|---|---|---|---|---|"]
    rows += [f"| `{f.name}` | {' x '.join(map(str, f.shape))} | {f.kind} | {f.unit} | {f.frame} |" for f in fields]
    return "\n".join(rows)


def _use(run: Path, robot: str) -> str:
    return (
        "```\n"
        f"robot-rl evaluate --checkpoint {run} --episodes 50\n"
        f"robot-rl deploy --checkpoint {run} --robot {robot} --device gamepad\n"
        "```\n"
        "It runs on a robot whose spec agrees in every field above; if not, deploying says which field differs."
    )


def _table(rows: Iterable[tuple[str, Any]]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {k} | {v} |" for k, v in rows)])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _write_figures(run: Path, curves: Mapping[str, list[tuple[int, float]]]) -> dict[str, str]:
    """curves.svg and, where it was measured, success.svg; file to what it shows."""
    out = {}
    losses = {"loss": curves.get("loss", []), "loss (held out)": curves.get("holdout_loss", [])}
    if any(losses.values()):
        chart = charts.lines(losses, x_label="optimiser step", y_label="loss", log_y=True, width=720, height=300)
        (run / "curves.svg").write_text(_standalone(chart), encoding="utf-8")
        out["curves.svg"] = "Training loss, and dashed the held-out loss, over optimiser steps"
    if curves.get("success"):
        chart = charts.lines(
            {"success": curves["success"]}, x_label="optimiser step", y_label="success", width=720, height=240
        )
        (run / "success.svg").write_text(_standalone(chart), encoding="utf-8")
        out["success.svg"] = "Simulated success of the checkpoints over optimiser steps"
    return out


def _standalone(chart: str) -> str:
    """A chart of a page as a file of its own, with the page's styles; without its legend, which is no drawing."""
    drawing = chart[: chart.index("</svg>") + len("</svg>")]
    head, _, rest = drawing.partition(">")
    return f'{head} xmlns="http://www.w3.org/2000/svg"><style>{STYLE.read_text()}</style>{rest}\n'


def _report(
    run: Path,
    card: Card,
    results: list[EvaluationResult],
    selection: Mapping[str, Any],
    curves: dict[str, list[tuple[int, float]]],
) -> RunReport:
    recipe = str(card.training.get("config", {}).get("name", "policy"))
    stages = tuple(
        Stage(
            f"{r.robot}, {r.execution or 'receding'}",
            r.successes,
            tuple(t.seed for t in r.trials),
            f"seeds {r.trials[0].seed} to {r.trials[-1].seed}",
        )
        for r in results
    )
    found = "; ".join(f"{s.name}: {r.proportion}" for s, r in zip(stages, results)) or "not evaluated yet"
    return RunReport(
        title=f"{recipe}, {run.name}",
        summary=f"{card.config.head.name} policy for {card.spec.robot}: {found}.",
        stages=stages,
        curves={recipe: curves},
        facts={
            "checkpoint": str(selection.get("why", "")),
            "data": ", ".join(f"{d['name']} ({d['identity']})" for d in card.dataset.get("datasets", ())),
            **{k: str(v) for k, v in card.provenance.items()},
        },
    )


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.is_file() else {}
