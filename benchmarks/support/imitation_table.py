"""The table of benchmarks/imitation.py, made of every run there is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from robot_rl.learn.statistics import compare, wilson
from support import results
from support.imitation_kinds import KINDS, TASKS

Document = dict[str, Any]


def report(document: Document) -> None:
    """The table of every run there is."""
    groups: dict[tuple[str, str], list[Document]] = defaultdict(list)
    for run in document.values():
        groups[run["task"], run["kind"]].append(run)
    rows = [_row(t, k, groups[t, k]) for t in TASKS for k in KINDS if (t, k) in groups]
    rows += [row for t in TASKS for row in _comparisons(t, groups)]
    versions = results.versions(["torch", "numpy", "mujoco", "robosuite"])
    for run in document.values():
        versions |= run.get("versions", {})
    results.save(
        "imitation",
        "success on held-out initial states after equal CPU time, from the same demonstrations",
        rows,
        versions=versions,
        notes="Intervals are Wilson's, 95 %, over all trials of a row. Peers learn from our demonstrations on one "
        "thread, and see what our encoders make of observations before their first layer: positions scaled, "
        "rotations as two columns, poses also from each other. LeRobot's own maps would leave the state of "
        "the scene in metres; its ACT then succeeded on 7 of 50 states of Lift. LeRobot's diffusion denoises "
        "in 10 DDIM steps, as ours does; its wider U-Net has 13 times the weights of the others, because one "
        "of their size hardly learns in this time. From pictures (two of 84x84, no pose of the scene) five "
        "CPU minutes, ten on Can, forty on Square: peers see through convolutions of the shape of our `cnn`, from "
        "nothing, in place of their ResNet-18, of which a batch takes twenty times as long; the frozen "
        "EfficientNet brings ImageNet weights, and its features of the data set are computed once, within the "
        "time. Read peers' "
        "rows with care: budgets are a minute of CPU or less from state, far from convergence; our learning "
        "rate, warm-up, decay and averaging of weights were chosen for our networks, the peers got learning "
        "rates that nobody tuned. Ours of seeds 0 and 1 ended after 75 to 130 % of the budget, before the script ended "
        "them with it; the CPU time of each run is in trials/imitation.json. "
        "No row says that a head is better than a peer's at convergence.",
    )


def _row(task: str, kind: str, runs: list[Document]) -> results.Row:
    outcomes = [o for r in runs for o in r["successes"]]
    p = wilson(sum(outcomes), len(outcomes))
    note = f"{p.successes}/{p.trials} [{100 * p.low:.0f}, {100 * p.high:.0f}] %"
    if len(runs) > 1:
        note += "; by seed " + ", ".join(f"{sum(r['successes'])}" for r in runs)
    trained = [r for r in runs if "steps" in r]
    if trained:
        r = trained[0]
        note += f"; {r['parameters'] / 1e6:.2f} million weights"
        note += f"; {r['steps']} steps of {KINDS[kind].batch} windows in {r['cpu_s']:.0f} CPU s"
    rate = results.rounded(p.rate)
    mine = KINDS[kind].side == "ours"
    return results.Row(f"{task}: {kind}", rate if mine else None, None if mine else rate, unit="success", note=note)


def _comparisons(task: str, groups: dict[tuple[str, str], list[Document]]) -> Iterator[results.Row]:
    """Each head less its counterpart, fewer steps of sampling less more, and extras less none, on the same states."""
    for name, kind in KINDS.items():
        other = kind.counterpart or kind.beside or kind.over
        mine, theirs = groups.get((task, name)), groups.get((task, other))
        if mine and theirs:
            theirs_by_seed = {r["seed"]: r["successes"] for r in theirs}
            pairs = [
                pair
                for r in mine
                if r["seed"] in theirs_by_seed
                for pair in zip(theirs_by_seed[r["seed"]], r["successes"], strict=False)  # the states both have played
            ]
            if not pairs:
                continue
            difference = compare([p[0] for p in pairs], [p[1] for p in pairs])
            yield results.Row(
                f"{task}: {name} less {other}",
                results.rounded(difference.difference),
                unit="success",
                target=">= 0" if kind.counterpart else ">= -0.02" if kind.beside else "",
                note=f"{len(pairs)} trials, paired: {difference}",
            )
