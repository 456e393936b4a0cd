"""Measure a policy on held-out initial states: its success rate with a 95 % interval (Wilson).

Nobody intervenes, and the safety envelope is on. Two or more checkpoints are tried on the same states and compared
with the first (exact McNemar test). Simulated robots only; a real one is measured with `robot-rl deploy --evaluation`.
The result is kept with the training run, in evaluations/, and its model card (README.md) written anew.

Examples:
  robot-rl evaluate --checkpoint flow_lift
  robot-rl evaluate --checkpoint runs/a/checkpoint runs/b/checkpoint --episodes 50 --processes 2
  robot-rl evaluate --checkpoint flow_lift --save evaluation.json
  robot-rl evaluate --checkpoint ws://gpu-box:8000 --robot sim_lift
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table
from tyro.conf import OmitArgPrefixes

from robot_rl import workspace
from robot_rl.commands import output
from robot_rl.commands.names import UsageError, datasets
from robot_rl.commands.policy_options import PolicyOptions
from robot_rl.commands.session import progress
from robot_rl.datasets.dataset import Dataset
from robot_rl.hardware import config as hardware_config
from robot_rl.learn.card import add_evaluation, run_of
from robot_rl.learn.evaluate import EvaluationResult, Trial, evaluate
from robot_rl.learn.files import require_file
from robot_rl.policies import checkpoint
from robot_rl.serving.loading import check_options
from robot_rl.serving.protocol import is_address


@dataclass(frozen=True)
class Options:
    """Which policies, on which states."""

    checkpoint: tuple[str, ...]
    """Each a checkpoint's folder, a training run's folder, a recipe (its newest run), or ws://host:port of a server."""
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
    """Where a policy on this computer computes: `cpu`, `cuda` or `auto`; a server's where it was started."""
    allow_slow: bool = False
    """Simulated time waits for the policy: let also one pass that could not keep up with the robot on this machine."""
    save: Path | None = None
    """Write every trial to this JSON file; with several checkpoints, one file each: <name>-1.json, <name>-2.json."""
    policy: OmitArgPrefixes[PolicyOptions] = field(default_factory=PolicyOptions)


def run(options: Options) -> int:
    if not options.checkpoint:
        raise UsageError("no policy to evaluate: add --checkpoint NAME")
    if options.episodes < 1:
        raise UsageError(f"--episodes {options.episodes}: at least one is needed")
    own = options.policy
    check_options(options.checkpoint, device=options.device, fields=own.fields, prompt=own.prompt)
    cards = {c: checkpoint.read_origin(c) for c in options.checkpoint if not is_address(c)}
    seeds = range(options.seed, options.seed + options.episodes)
    for name, card in cards.items():
        _warn(name, card, set(seeds))
    robot = options.robot or next((card.spec.robot for card in cards.values()), "")
    if not robot:
        raise UsageError("a policy server does not say which simulated robot it is for: add --robot NAME")
    for name, card in cards.items():
        _warn_of_robot(name, card, robot)
    files = _files(options)
    for file in files:
        require_file(file)
    results = [_evaluate(options, name, robot, seeds) for name in options.checkpoint]
    _report(results)
    for result, file in zip(results, files):
        result.save(file)
        print(f"every trial is in {file}")
    _keep(results)
    return 0


def _files(options: Options) -> list[Path]:
    """Where the trials of each policy go: one file each, numbered where there are several, or none."""
    path, count = options.save, len(options.checkpoint)
    if path is None:
        return []
    return [path] if count == 1 else [path.with_stem(f"{path.stem}-{n}") for n in range(1, count + 1)]


def _warn(name: str, card: checkpoint.Origin, seeds: set[int]) -> None:
    """Say so where states are not new to a policy."""
    for what, known in (
        ("was trained on", recorded_seeds(card.dataset)),
        ("was chosen among its run's checkpoints by", set(card.training.get("selection_seeds", ()))),
    ):
        if seen := sorted(seeds & known):
            print(f"warning: {name} {what} {len(seen)} of these states, e.g. seed {seen[0]}", file=sys.stderr)


def _warn_of_robot(name: str, card: checkpoint.Origin, robot: str) -> None:
    """Say so where a policy is tried on another robot than it was trained on, which may have the same spec."""
    if (other := hardware_config.load(robot).name) != card.spec.robot:
        print(
            f"warning: {name} was trained on robot '{card.spec.robot}' and is evaluated on '{other}'", file=sys.stderr
        )


def _keep(results: list[EvaluationResult]) -> None:
    """Put each result into the run that its checkpoint comes from."""
    for result in results:
        run = None if is_address(result.checkpoint) else run_of(Path(result.checkpoint))
        if run is not None:
            add_evaluation(run, result)
            print(f"model card: {run / 'README.md'}")


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
            fields=options.policy.fields if is_address(name) else "",
            prompt=options.policy.prompt,
            execution=options.policy.config,
            allow_slow=options.allow_slow,
            max_steps=options.max_steps,
            device=options.device,
            processes=options.processes,
            progress=show,
        )


def _report(results: list[EvaluationResult]) -> None:
    console = output.console()
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
