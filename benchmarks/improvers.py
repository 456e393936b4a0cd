"""How many robot steps each improver needs: success on held-out states against robot and human steps, over seeds.

Every run is `policies/<recipe>/finetune.yaml` on demonstrations and a base of its own seed, in a process of its own;
runs that are in the folder or in results/trials/improvers.json are not repeated (--anew forgets the latter). The table
and the picture are made of all of them.

python benchmarks/improvers.py --folder runs/improvers --processes 2 --seeds 0 1 2 --runs residual rlpd
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import tyro
from support import kept, results

ROBOTS = {"easy": "sim_pegslot", "hard": "sim_pegslot_hard"}
EXPERTS = {"easy": 30, "hard": 20}
"""Demonstrations of the task."""


@dataclass(frozen=True)
class Kind:
    """One way to improve."""

    recipe: str
    steps: dict[str, int]
    """Robot steps by task."""
    target: dict[str, str]
    base: Literal["none", "expert", "mixed"] = "expert"
    """Which demonstrations the base is trained on."""
    demonstrations: int | None = None
    """How many are given to the learner; None for all."""
    operator: str | None = None


KINDS = {
    "residual": Kind("residual_pegslot", {"easy": 4000, "hard": 5000}, {"easy": ">= .95", "hard": ">= .95"}),
    "rlpd": Kind("rlpd_pegslot", {"easy": 8000, "hard": 8000}, {"easy": ">= .95", "hard": ">= .95"}, "none"),
    "expo": Kind("expo_pegslot", {"easy": 4000, "hard": 5000}, {"easy": ">= residual", "hard": ">= residual"}),
    "pa_rl": Kind("pa_rl_pegslot", {"easy": 4000, "hard": 5000}, {"easy": ">= residual", "hard": ">= residual"}),
    "ppo_residual": Kind("ppo_residual_pegslot", {"easy": 50000}, {}),
    "dsrl, mixed base": Kind("dsrl_pegslot", {"easy": 8000, "hard": 8000}, {"easy": ">= .9"}, "mixed"),
    "rlpd, 1 demonstration": Kind("rlpd_pegslot", {"easy": 6000}, {"easy": "< .5"}, "none", 1),
    "rlpd, 1 demonstration, helped": Kind(
        "rlpd_pegslot", {"easy": 6000}, {"easy": ">= .9 with < 500 human steps"}, "none", 1, "sparing"
    ),
}


@dataclass(frozen=True)
class Options:
    """Which runs."""

    folder: Path = Path("runs/improvers")
    """For demonstrations and bases."""
    runs: tuple[str, ...] = tuple(KINDS)
    tasks: tuple[Literal["easy", "hard"], ...] = ("easy", "hard")
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    processes: int = 1
    trials: int = 100
    anew: bool = False
    """Begin with no run but those of the folder, and replace what results/ holds."""
    only_report: bool = False


@dataclass(frozen=True)
class Run:
    """One session."""

    kind: str
    task: str
    seed: int
    folder: Path = field(compare=False)
    trials: int = 100

    @property
    def name(self) -> str:
        return f"{self.kind} | {self.task} | {self.seed}"


def demonstrations(folder: Path, task: str, seed: int, quality: str, count: int) -> Path:
    """A data set of scripted demonstrations, recorded once."""
    from robot_rl.commands.in_process import Job, run_job
    from robot_rl.hardware import config

    path = folder / f"{task}_{quality}_{seed}"
    if not (path / "done").exists():
        setup = config.load(ROBOTS[task])
        for part, (name, episodes) in enumerate(_parts(quality, count)):
            first = 100_000 * (seed + 1) + 10_000 * part
            run_job(Job(setup, "demonstration", episodes, first, dataset=path, quality=name))
        (path / "done").touch()
    return path


def _parts(quality: str, count: int) -> list[tuple[str, int]]:
    return [("expert", count // 2), ("poor", count)] if quality == "mixed" else [(quality, count)]


def base(folder: Path, task: str, seed: int, quality: str, data: Path) -> Path:
    """A flow policy of those demonstrations, trained once."""
    from robot_rl.learn import config
    from robot_rl.learn.train import train

    path = folder / f"base_{task}_{quality}_{seed}"
    if not (path / "checkpoint").is_dir():
        recipe = config.load("flow_pegslot")
        train(replace(recipe, dataset=(data,), output=path, seed=seed), progress=False)
    return path


def carry_out(run: Run) -> dict[str, Any]:
    """The session's curve and cost."""
    import torch

    from robot_rl.datasets.dataset import Dataset
    from robot_rl.learn.online import recipe as recipes
    from robot_rl.learn.online.session import Session
    from robot_rl.learn.online.workcell import workcell
    from robot_rl.policies import checkpoint

    torch.set_num_threads(1)
    kind = KINDS[run.kind]
    expert = demonstrations(run.folder, run.task, run.seed, "expert", EXPERTS[run.task])
    policy = None
    if kind.base != "none":
        data = expert if kind.base == "expert" else demonstrations(run.folder, run.task, run.seed, "mixed", 30)
        policy = checkpoint.load(base(run.folder, run.task, run.seed, kind.base, data))
    online = replace(
        recipes.load(kind.recipe).online,
        seed=run.seed,
        steps=kind.steps[run.task],
        evaluation_seeds=tuple(range(1_000_000, 1_000_000 + run.trials)),
    )
    used = time.process_time()
    with workcell(ROBOTS[run.task], operator=kind.operator) as cell:
        session = Session(online, cell, list(Dataset.open(expert))[: kind.demonstrations], policy)
        curve = session.run()
    points = [
        {
            "robot_steps": p.robot_steps,
            "human_steps": p.human_steps,
            "minutes": p.minutes,
            "successes": p.successes,
            "trials": p.trials,
        }
        for p in curve
    ]
    return {"kind": run.kind, "task": run.task, "seed": run.seed, "curve": points, "cpu_s": time.process_time() - used}


def main(options: Options) -> None:
    store = options.folder / "improvers.json"
    options.folder.mkdir(parents=True, exist_ok=True)
    runs = {} if options.anew else kept.known("improvers")
    runs |= json.loads(store.read_text()) if store.exists() else {}
    wanted = [
        Run(kind, task, seed, options.folder, options.trials)
        for seed in options.seeds
        for task in options.tasks
        for kind in options.runs
        if task in KINDS[kind].steps
    ]
    missing = [] if options.only_report else [run for run in wanted if run.name not in runs]
    for run in missing:  # what runs share is made before they start
        kind = KINDS[run.kind]
        quality = "mixed" if kind.base == "mixed" else "expert"
        demonstrations(run.folder, run.task, run.seed, "expert", EXPERTS[run.task])
        if kind.base != "none":
            count = 30 if quality == "mixed" else EXPERTS[run.task]
            base(
                run.folder, run.task, run.seed, quality, demonstrations(run.folder, run.task, run.seed, quality, count)
            )
    with ProcessPoolExecutor(options.processes, multiprocessing.get_context("spawn")) as pool:
        waiting = {pool.submit(carry_out, run): run for run in missing}
        for future in as_completed(waiting):
            runs[waiting[future].name] = future.result()
            store.write_text(json.dumps(runs) + "\n")
            curve = [f"{p['successes']}/{p['trials']}@{p['robot_steps']}" for p in future.result()["curve"]]
            print(waiting[future].name, *curve, flush=True)
    kept.keep("improvers", runs)
    report(runs)


def report(runs: dict[str, Any]) -> None:
    """The table and the picture of every run there is."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for run in runs.values():
        groups[run["task"], run["kind"]].append(run)
    rows = [row for key in sorted(groups) for row in _rows(*key, groups[key])]
    results.save(
        "improvers",
        "PegSlot from state, sparse reward: success of the deployed policy on held-out states",
        rows,
        versions=results.versions(["torch", "numpy"]),
        notes="Mean over seeds, each with demonstrations and a base of its own; the interval is Student's t.",
    )
    picture(groups, results.RESULTS.parents[1] / "docs" / "improvers.png")


def _rows(task: str, kind: str, runs: list[dict[str, Any]]) -> Iterator[results.Row]:
    target = KINDS[kind].target.get(task, "")
    if KINDS[kind].base != "none":
        yield _row(f"{task}, {kind}: before the first step", [r["curve"][0] for r in runs], "", runs)
    yield _row(f"{task}, {kind}: at {KINDS[kind].steps[task]} steps", [r["curve"][-1] for r in runs], target, runs)


def _row(metric: str, points: list[dict[str, Any]], target: str, runs: list[dict[str, Any]]) -> results.Row:
    import numpy as np
    from scipy import stats

    from robot_rl.learn.statistics import wilson

    rates = np.array([p["successes"] / p["trials"] for p in points])
    margin = stats.t.ppf(0.975, len(rates) - 1) * rates.std(ddof=1) / np.sqrt(len(rates)) if len(rates) > 1 else np.nan
    human = np.mean([p["human_steps"] for p in points])
    first = [next((p["robot_steps"] for p in r["curve"] if p["successes"] >= 0.95 * p["trials"]), None) for r in runs]
    reached = [f for f in first if f is not None]
    pooled = wilson(sum(p["successes"] for p in points), sum(p["trials"] for p in points))
    seeds = f"{len(rates)} seeds" if len(rates) > 1 else "1 seed"
    note = f"{seeds}: {', '.join(f'{r:.2f}' for r in rates)}"
    note += f"; +- {margin:.2f}" if rates.std() > 0 else ""
    note += f"; all trials {pooled}"
    note += f"; .95 first reached by {len(reached)} seeds" + (
        f", at {int(np.median(reached))} steps" if reached else ""
    )
    note += f"; {human:.0f} human steps" if human else ""
    note += f"; {np.mean([r['cpu_s'] for r in runs]):.0f} CPU s a run"
    return results.Row(metric, results.rounded(float(rates.mean())), unit="success", target=target, note=note)


def picture(groups: dict[tuple[str, str], list[dict[str, Any]]], path: Path) -> None:
    """Success against robot steps, minutes and human steps, a line for each way and its seeds behind it.

    Ways that take many times as many steps as the others stand in the table alone.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    tasks = [t for t in ROBOTS if any(key[0] == t for key in groups)]
    axes_of = {"robot_steps": "robot steps", "minutes": "minutes of robot time", "human_steps": "human steps"}
    figure, grid = pyplot.subplots(len(tasks), 3, figsize=(13, 3.6 * len(tasks)), squeeze=False, sharey=True)
    for row, task in zip(grid, tasks, strict=True):
        for axes, (key, label) in zip(row, axes_of.items(), strict=True):
            for i, kind in enumerate(KINDS):
                runs = groups.get((task, kind), [])
                if (
                    not runs
                    or KINDS[kind].steps[task] > 10_000
                    or (key == "human_steps" and KINDS[kind].operator is None)
                ):
                    continue
                _lines(axes, runs, key, f"C{i}", kind)
            if not axes.lines:
                axes.set_visible(False)
            axes.set_xlabel(label)
            axes.set_ylim(-0.02, 1.02)
            axes.grid(alpha=0.3)
        row[0].set_ylabel(f"{task}: success")
        row[0].legend(fontsize=7, loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def _lines(axes: Any, runs: list[dict[str, Any]], key: str, colour: str, label: str) -> None:
    import numpy as np

    curves = [([p[key] for p in r["curve"]], [p["successes"] / p["trials"] for p in r["curve"]]) for r in runs]
    for x, y in curves:
        axes.plot(x, y, color=colour, alpha=0.2, linewidth=1)
    length = min(len(x) for x, _ in curves)
    x, y = (np.mean([c[i][:length] for c in curves], axis=0) for i in (0, 1))
    axes.plot(x, y, color=colour, label=f"{label} ({len(curves)} seeds)")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
