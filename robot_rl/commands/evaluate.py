"""Measure a policy on held-out initial states: its success rate with a 95 % interval (Wilson).

Nobody intervenes, and the safety envelope is on. Two or more checkpoints are tried on the same states and compared
with the first (exact McNemar test). Simulated robots only; a real one is measured with `robot-rl deploy`.

Examples:
  robot-rl evaluate --checkpoint flow_lift
  robot-rl evaluate --checkpoint runs/a/checkpoint runs/b/checkpoint --episodes 50 --processes 2
  robot-rl evaluate --checkpoint flow_lift --save evaluation.json
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from robot_rl import workspace
from robot_rl.commands.names import UsageError, datasets
from robot_rl.commands.session import progress
from robot_rl.datasets.dataset import Dataset
from robot_rl.learn.evaluate import EvaluationResult, Trial, evaluate
from robot_rl.policies import checkpoint
from robot_rl.policies.modes import ExecutionConfig, Mode


@dataclass(frozen=True)
class Options:
    """Which policies, on which states."""

    checkpoint: tuple[str, ...]
    """Each a checkpoint's folder, a training run's folder, or a recipe (its newest run)."""
    robot: str = ""
    """The simulated robot; by default the one that the first policy was trained for."""
    episodes: int = 50
    """How many initial states."""
    seed: int = 1_000_000
    """Seed of the first state; each next one is one higher. Keep it away from the seeds that were recorded."""
    max_steps: int = 0
    """Time limit of an episode in steps; 0 takes the task's own."""
    processes: int = 1
    """How many processes share the states."""
    device: str = "cpu"
    """Where the policy computes: `cpu`, `cuda` or `auto`."""
    execution: Mode = "receding"
    """How chunks become actions: waited for; the mean of all (`ensemble`); computed while the robot moves (`async`);
    and made to agree with the actions under way (`rtc`)."""
    action_steps: int = 0
    """Steps between two chunks; 0 takes the policy's own."""
    latency_steps: int = 1
    """How many steps a chunk takes in `async` and `rtc`."""
    allow_slow: bool = False
    """Simulated time waits for the policy: let also one pass that could not keep up with the robot on this machine."""
    save: Path | None = None
    """Write every trial to this JSON file; with several checkpoints, one file each: <name>-1.json, <name>-2.json."""


def run(options: Options) -> int:
    if not options.checkpoint:
        raise UsageError("no policy to evaluate: add --checkpoint NAME")
    if options.episodes < 1:
        raise UsageError(f"--episodes {options.episodes}: at least one is needed")
    cards = [checkpoint.read_card(c) for c in options.checkpoint]
    seeds = range(options.seed, options.seed + options.episodes)
    for name, card in zip(options.checkpoint, cards, strict=True):
        if seen := sorted(set(seeds) & recorded_seeds(card.dataset)):
            print(f"warning: {name} was trained on {len(seen)} of these states, e.g. seed {seen[0]}", file=sys.stderr)
    robot = options.robot or cards[0].spec.robot
    results = [_evaluate(options, name, robot, seeds) for name in options.checkpoint]
    _report(results)
    if options.save is not None:
        _save(results, options.save)
    return 0


def recorded_seeds(identity: Mapping[str, Any]) -> set[int]:
    """The seeds of the episodes that a policy was trained on, as far as those data sets are in the workspace."""
    trained_on = {d["identity"] for d in identity.get("datasets", ())}
    seeds: set[int] = set()
    for name in datasets():
        dataset = Dataset.open(workspace.root() / "datasets" / name)
        if dataset.identity in trained_on:
            seeds |= {e.attributes["seed"] for e in dataset if e.attributes.get("seed") is not None}
    return seeds


def _evaluate(options: Options, name: str, robot: str, seeds: range) -> EvaluationResult:
    trials: list[Trial] = []
    with progress() as bar:
        row = bar.add_task(name, total=len(seeds), tally="")

        def show(trial: Trial) -> None:
            trials.append(trial)
            bar.update(row, completed=len(trials), tally=f"{sum(t.success for t in trials)} succeeded")

        return evaluate(
            name,
            robot,
            seeds,
            execution=ExecutionConfig(options.execution, options.action_steps, options.latency_steps),
            allow_slow=options.allow_slow,
            max_steps=options.max_steps,
            device=options.device,
            processes=options.processes,
            progress=show,
        )


def _report(results: list[EvaluationResult]) -> None:
    console = Console(highlight=False)
    table = Table("policy", "success", "95 % interval", "steps to success", box=None, pad_edge=False)
    for r in results:
        p = r.proportion
        steps = [t.steps for t in r.trials if t.success]
        mean = f"{sum(steps) / len(steps):.0f}" if steps else "-"
        table.add_row(r.checkpoint, f"{p.successes}/{p.trials} = {p.rate:.0%}", f"{p.low:.0%} to {p.high:.0%}", mean)
    console.print(table)
    first, *others = results
    for number, other in enumerate(others, start=2):
        console.print(f"policy {number} against policy 1: {other.against(first)}")
    states = [t.seed for t in first.trials]
    console.print(f"robot {first.robot}, initial states of seeds {states[0]} to {states[-1]}")


def _save(results: list[EvaluationResult], path: Path) -> None:
    for number, result in enumerate(results, start=1):
        target = path if len(results) == 1 else path.with_stem(f"{path.stem}-{number}")
        result.save(target)
        print(f"every trial is in {target}")
