"""Every head beside LeRobot's diffusion and ACT and robomimic's BC-RNN: success after the same CPU time of training.

All learn from one file of scripted demonstrations of mixed quality, from state, on one thread, with networks of about
the same size, and play the same initial states through the same loop. Runs that are in the folder are not repeated;
the table is made of all that are there.

python benchmarks/imitation.py --folder runs/imitation --lerobot VENV/bin/python --robomimic VENV/bin/python
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import tyro
from support import results

Document = dict[str, Any]
ROBOT_FIELDS = ("ee_pose", "gripper_position")


@dataclass(frozen=True)
class Task:
    """A simulated robot, what the policies see of it, and how much was demonstrated."""

    robot: str
    scene: tuple[str, ...]
    demonstrations: int
    budget: float
    """Of training a run [CPU s]."""
    trials: int


TASKS = {
    "lift": Task("sim_lift", ("object_pose",), 20, 40.0, 50),
    "square": Task("sim_square", ("object_pose", "goal_pose"), 100, 60.0, 50),
    "can": Task("sim_can", ("object_pose", "goal_pose"), 60, 60.0, 50),
}
TaskName = Literal["lift", "square", "can"]


@dataclass(frozen=True)
class Kind:
    """One way to imitate."""

    side: Literal["ours", "lerobot", "robomimic"] = "ours"
    what: str = ""
    """Ours: the head, with the options of its recipe for Lift; theirs: the policy."""
    options: dict[str, Any] = field(default_factory=dict)
    """Ours: of the head, over the recipe's."""
    batch: int = 256
    sampled: dict[str, Any] = field(default_factory=dict)
    """Ours: options of the head that hold in evaluation, for a variant that differs in sampling alone."""
    trained_as: str = ""
    """Ours: the kind whose weights it takes."""
    counterpart: str = ""
    """Ours: the kind of the peer that does the same."""


UNET = {"down_dims": [16, 32, 64], "n_groups": 8, "diffusion_step_embed_dim": 32}
DDIM = {"noise_scheduler_type": "DDIM", "num_inference_steps": 10}
ACT = {"chunk_size": 16, "n_action_steps": 8, "dim_model": 64, "n_heads": 4, "dim_feedforward": 256}
ACT |= {"n_encoder_layers": 2, "n_decoder_layers": 2, "n_vae_encoder_layers": 2}
FAST = {"optimizer_lr": 1e-3}
"""The learning rate of our recipes; the peers' own are meant for a hundred times as many steps."""

KINDS = {
    "flow, 10 steps": Kind(what="flow", options={"sampling_steps": 10}, counterpart="LeRobot diffusion, lr 1e-3"),
    "LeRobot diffusion, lr 1e-3": Kind("lerobot", "diffusion", UNET | DDIM | FAST, 64),
    "diffusion, DDIM 10": Kind(what="diffusion", counterpart="LeRobot diffusion, lr 1e-3"),
    "diffusion, DDIM 10, learning the noise": Kind(what="diffusion", options={"prediction": "noise"}),
    "diffusion, DDIM 10, U-Net": Kind(
        what="diffusion",
        options={"backbone": "unet", "dims": (16, 32, 64), "prediction": "noise"},
        batch=64,
        counterpart="LeRobot diffusion, lr 1e-3",
    ),
    "act": Kind(what="act", batch=64, counterpart="LeRobot ACT, lr 1e-3"),
    "LeRobot ACT, lr 1e-3": Kind("lerobot", "act", ACT | FAST, 64),
    "gmm_rnn": Kind(what="gmm_rnn", batch=64, counterpart="robomimic BC-RNN, lr 1e-3"),
    "robomimic BC-RNN, lr 1e-3": Kind("robomimic", "bc_rnn", {"hidden": 160, "lr": 1e-3}, 100),
    "meanflow, 1 step": Kind(what="meanflow", counterpart="LeRobot diffusion, lr 1e-3"),
    "edm, 3 steps": Kind(what="edm", options={"sampling_steps": 3}, counterpart="LeRobot diffusion, lr 1e-3"),
    "gaussian": Kind(what="gaussian"),
    "flow, 3 steps": Kind(what="flow", sampled={"sampling_steps": 3}, trained_as="flow, 10 steps"),
    "flow, 1 step": Kind(what="flow", sampled={"sampling_steps": 1}, trained_as="flow, 10 steps"),
    "edm, 10 steps": Kind(what="edm", sampled={"sampling_steps": 10}, trained_as="edm, 3 steps"),
    "carp": Kind(what="carp", batch=64),
    "LeRobot diffusion, preset": Kind("lerobot", "diffusion", UNET | DDIM, 64),
    "LeRobot ACT, preset": Kind("lerobot", "act", ACT, 64),
    "robomimic BC-RNN, preset": Kind("robomimic", "bc_rnn", {"hidden": 160, "lr": 1e-4}, 100),
}


@dataclass(frozen=True)
class Options:
    """Which runs."""

    folder: Path
    """For demonstrations, policies and what every run gave."""
    lerobot: str = ""
    """A Python that has lerobot 0.4.4; without it LeRobot is left out."""
    robomimic: str = ""
    """A Python that has robomimic."""
    tasks: tuple[TaskName, ...] = ("lift", "square", "can")
    runs: tuple[str, ...] = tuple(KINDS)
    seeds: tuple[int, ...] = (0, 1, 2)
    only_report: bool = False

    def python(self, side: str) -> str:
        return {"lerobot": self.lerobot, "robomimic": self.robomimic}.get(side, "")


def demonstrations(folder: Path, task: Task) -> Path:
    """Scripted demonstrations of mixed quality, recorded once."""
    from robot_rl.commands.in_process import Job, run_job
    from robot_rl.hardware import config

    path = folder / f"demo_{task.robot}_{task.demonstrations}"
    if not (path / "done").exists():
        setup = config.load(task.robot)
        run_job(Job(setup, "demonstration", task.demonstrations, 0, dataset=path, quality="mixed"))
        (path / "done").touch()
    return path


def ours(kind: Kind, task: Task, seed: int, data: Path, checkpoint: Path) -> Document:
    """Train a head for the task's budget, with the schedule laid out for the steps that fit into it."""
    import torch

    from robot_rl.learn import config
    from robot_rl.learn.data import load_data
    from robot_rl.learn.trainer import Trainer
    from robot_rl.policies import checkpoint as checkpoints

    recipe = config.load(f"{kind.what}_lift")
    policy = replace(
        recipe.policy,
        observation=(*ROBOT_FIELDS, *task.scene),
        head=replace(recipe.policy.head, **kind.options),  # type: ignore[type-var]
    )
    recipe = replace(recipe, policy=policy, dataset=(data,), batch=kind.batch, holdout=0.0, seed=seed, device="cpu")
    loaded = load_data(recipe, torch.device("cpu"))
    steps = max(int(task.budget / _seconds_a_step(Trainer(recipe, loaded, torch.device("cpu")))), 10)
    recipe = replace(recipe, steps=steps, warmup=min(recipe.warmup, steps // 10))
    loaded.train.seek(0)
    trainer = Trainer(recipe, loaded, torch.device("cpu"))
    begun = time.process_time()
    for _ in range(steps):
        trainer.update()
    used = time.process_time() - begun
    loaded.train.close()
    averaged = trainer.averaged()
    checkpoints.save(checkpoint, averaged, loaded.statistics)
    return {"steps": steps, "cpu_s": used, "parameters": sum(p.numel() for p in averaged.parameters())}


def _seconds_a_step(trainer: Any) -> float:
    for _ in range(3):
        trainer.update()
    begun, done = time.process_time(), 0
    while time.process_time() - begun < 2.0 or done < 3:
        trainer.update()
        done += 1
    return (time.process_time() - begun) / done


def carry_out(name: str, task: Task, seed: int, options: Options) -> Document:
    """Train, or take the weights of another run, and play the initial states."""
    import torch
    from support.learner import Learner
    from support.trials import play

    from robot_rl.hardware import config
    from robot_rl.policies import checkpoint as checkpoints
    from robot_rl.policies.modes import ExecutionConfig, make_executor

    torch.set_num_threads(1)
    kind, data = KINDS[name], demonstrations(options.folder, task)
    states = range(1_000_000, 1_000_000 + task.trials)
    checkpoint = options.folder / f"{task.robot} {kind.trained_as or name} {seed}"
    out: Document
    if kind.side == "ours":
        out = {} if kind.trained_as else ours(kind, task, seed, data, checkpoint)
        policy = checkpoints.load(checkpoint)
        head: Any = policy.head
        head.config = replace(head.config, **kind.sampled)
        return out | play(make_executor(policy, ExecutionConfig(), simulated=True), task.robot, states)
    script = f"{kind.side}_imitation.py"
    spec = config.load(task.robot).spec
    learner = Learner(options.python(kind.side), script, ROBOT_FIELDS, task.scene, spec)
    try:
        learner.write(data, options.folder / "demonstrations.npz")
        out = learner.ask(
            "train",
            data=str(options.folder / "demonstrations.npz"),
            kind=kind.what,
            options=kind.options,
            batch=kind.batch,
            budget=task.budget,
            seed=seed,
        )
        return out | {"versions": learner.ask("versions")} | play(learner, task.robot, states)
    finally:
        learner.close()


def main(options: Options) -> None:
    store = options.folder / "imitation.json"
    options.folder.mkdir(parents=True, exist_ok=True)
    document: Document = json.loads(store.read_text()) if store.exists() else {}
    for seed in () if options.only_report else options.seeds:
        for task in options.tasks:
            for name in options.runs:
                key = f"{task} | {name} | {seed}"
                side = KINDS[name].side
                if key in document or (side != "ours" and not options.python(side)):
                    continue
                run = carry_out(name, TASKS[task], seed, options)
                document[key] = {"task": task, "kind": name, "seed": seed} | run
                store.write_text(json.dumps(document) + "\n")
                shown = {k: v for k, v in run.items() if k != "successes"}
                print(f"{key}: {sum(run['successes'])}/{len(run['successes'])}", shown, flush=True)
    report(document)


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
        "success on held-out initial states after equal CPU time, from the same demonstrations, from state",
        rows,
        versions=versions,
        notes="Intervals are Wilson's, 95 %, over all trials of a row. Peers learn from our demonstrations, with poses "
        "as position and two rotation columns as our encoders have them, on one thread. LeRobot's diffusion "
        "denoises in 10 DDIM steps, as ours does.",
    )


def _row(task: str, kind: str, runs: list[Document]) -> results.Row:
    from robot_rl.learn.statistics import wilson

    outcomes = [o for r in runs for o in r["successes"]]
    p = wilson(sum(outcomes), len(outcomes))
    note = f"{p.successes}/{p.trials} [{100 * p.low:.0f}, {100 * p.high:.0f}] %"
    if len(runs) > 1:
        note += "; by seed " + ", ".join(f"{sum(r['successes'])}" for r in runs)
    trained = [r for r in runs if "steps" in r]
    if trained:
        r = trained[0]
        note += f"; {r['parameters'] / 1e6:.2f} million weights, {r['steps']} steps, {r['cpu_s']:.0f} CPU s"
    rate = results.rounded(p.rate)
    mine = KINDS[kind].side == "ours"
    return results.Row(f"{task}: {kind}", rate if mine else None, None if mine else rate, unit="success", note=note)


def _comparisons(task: str, groups: dict[tuple[str, str], list[Document]]) -> Iterator[results.Row]:
    """Each head less its counterpart, on the same states."""
    from robot_rl.learn.statistics import compare

    for name, kind in KINDS.items():
        mine, theirs = groups.get((task, name)), groups.get((task, kind.counterpart))
        if mine and theirs:
            seeds = {r["seed"] for r in mine} & {r["seed"] for r in theirs}
            a, b = (_outcomes(runs, sorted(seeds)) for runs in (theirs, mine))
            difference = compare(a, b)
            yield results.Row(
                f"{task}: {name} less {kind.counterpart}",
                results.rounded(difference.difference),
                unit="success",
                target=">= 0",
                note=f"{len(seeds)} seeds, paired: {difference}",
            )


def _outcomes(runs: list[Document], seeds: Sequence[int]) -> list[bool]:
    by_seed = {r["seed"]: r["successes"] for r in runs}
    return [o for s in seeds for o in by_seed[s]]


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
