"""Every head beside LeRobot's diffusion and ACT and robomimic's BC-RNN: success after the same CPU time of training.

All learn from one file of scripted demonstrations of mixed quality, from state or pictures, on one thread, with
networks of about the same size, and play the same initial states through the same loop. Runs that are in the folder or
in results/trials/imitation.json are not repeated (--anew forgets the latter), but one that has played fewer states than
its task has goes on with the rest, from its weights in the folder; the table is made of all of them.

python benchmarks/imitation.py --folder runs/imitation --lerobot VENV/bin/python --robomimic VENV/bin/python
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro
from support import kept
from support.imitation_kinds import KINDS, TASKS, Kind, Task, TaskName, fits
from support.imitation_table import report

if TYPE_CHECKING:
    from robot_rl.learn.config import TrainConfig
    from robot_rl.policies.chunk_policy import ChunkPolicy

Document = dict[str, Any]
FIRST = (5, 10, 20)
"""Updates after which it is first reckoned how many will fit."""
FIRST_STATE = 1_000_000
"""The seed of the first initial state that is played."""


@dataclass(frozen=True)
class Options:
    """Which runs."""

    folder: Path = Path("runs/imitation")
    """For demonstrations, policies and what every run gave."""
    lerobot: str = ""
    """A Python that has lerobot 0.4.4; without it LeRobot is left out."""
    robomimic: str = ""
    """A Python that has robomimic."""
    tasks: tuple[TaskName, ...] = tuple(TASKS)
    runs: tuple[str, ...] = tuple(KINDS)
    seeds: tuple[int, ...] = (0, 1, 2)
    anew: bool = False
    """Begin with no run but those of the folder, and replace what results/ holds."""
    only_report: bool = False

    def python(self, side: str) -> str:
        return {"lerobot": self.lerobot, "robomimic": self.robomimic}.get(side, "")


def demonstrations(folder: Path, task: Task) -> Path:
    """Scripted demonstrations of mixed quality, recorded once."""
    from robot_rl.commands.in_process import Job, run_job
    from robot_rl.hardware import config

    path = folder / f"demo_{task.robot}_{task.demonstrations}{'_pictures' if task.cameras else ''}"
    if not (path / "done").exists():
        setup = config.load(task.robot)
        cameras = ",".join(task.cameras) or "none"
        run_job(Job(setup, "demonstration", task.demonstrations, 0, cameras, dataset=path, quality="mixed"))
        (path / "done").touch()
    return path


def recipe_of(kind: Kind, task: Task, seed: int, data: Path) -> TrainConfig:
    """The recipe of the kind's head for Lift, with what differs for this kind and task."""
    from robot_rl.learn import config

    recipe = config.load(f"{kind.what}_lift")
    policy = replace(
        recipe.policy,
        observation=(*task.own, *task.scene, *task.cameras),
        encoder=replace(recipe.policy.encoder, **kind.encoder),
        head=replace(recipe.policy.head, **kind.options),  # type: ignore[type-var]
        **kind.policy,
    )
    return replace(recipe, policy=policy, dataset=(data,), batch=kind.batch, holdout=0.0, seed=seed, device="cpu")


def ours(kind: Kind, task: Task, seed: int, data: Path, checkpoint: Path) -> Document:
    """Train a head for the task's budget, its schedule laid out for the steps that are going to fit into it."""
    import torch

    from robot_rl.learn.data import load_data
    from robot_rl.learn.trainer import Trainer
    from robot_rl.policies import checkpoint as checkpoints

    recipe = recipe_of(kind, task, seed, data)
    begun = time.process_time()
    loaded = load_data(recipe, torch.device("cpu"))
    loading = time.process_time() - begun  # of a frozen backbone, the features of its data set
    trainer = Trainer(recipe, loaded, torch.device("cpu"))
    while True:
        trainer.update()
        used = time.process_time() - begun
        if used >= task.budget:
            break
        if trainer.step in FIRST or trainer.step % 50 == 0:
            steps = math.ceil(trainer.step * (task.budget - loading) / (used - loading))
            trainer.config = replace(recipe, steps=steps, warmup=min(recipe.warmup, steps // 10))
    loaded.train.close()
    averaged = trainer.averaged()
    checkpoints.save(checkpoint, averaged, loaded.statistics)
    return {"steps": trainer.step, "cpu_s": used, "parameters": sum(p.numel() for p in averaged.parameters())}


def _verify(policy: ChunkPolicy, recipe: TrainConfig) -> None:
    """Give it a verifier to choose among chunks; what its training takes is not of the budget."""
    from robot_rl.learn.data import load_data
    from robot_rl.learn.verifier import fit_verifier
    from robot_rl.policies.verifier_counts import CountConfig

    loaded = load_data(recipe, policy.device)
    policy.verify_with(fit_verifier(policy, loaded, CountConfig()))
    loaded.train.close()


def carry_out(name: str, task: Task, seed: int, options: Options, before: Document) -> Document:
    """Train, or take the weights of another run or of `before`, and play the initial states that it has not."""
    import torch
    from support.learner import Learner
    from support.trials import play

    from robot_rl.hardware import config
    from robot_rl.policies import checkpoint as checkpoints
    from robot_rl.policies.modes import ExecutionConfig, make_executor

    torch.set_num_threads(1)
    kind, data = KINDS[name], demonstrations(options.folder, task)
    checkpoint = options.folder / f"{task.robot} {kind.trained_as or name} {seed}"
    if not (kind.side == "ours" and checkpoint.exists()):
        before = {}  # its weights are not here: all anew
    played = before.get("successes", "")
    states = range(FIRST_STATE + len(played), FIRST_STATE + task.trials)
    out: Document
    if kind.side == "ours":
        if kind.trained_as and not checkpoint.exists():
            raise SystemExit(f"{checkpoint} is not there: run '{kind.trained_as}' for this folder first (--anew)")
        out = before if before or kind.trained_as else ours(kind, task, seed, data, checkpoint)
        policy = checkpoints.load(checkpoint)
        head: Any = policy.head
        head.config = replace(head.config, **kind.sampled)
        if kind.samples > 1:
            _verify(policy, recipe_of(kind, task, seed, data))
        executor = make_executor(policy, ExecutionConfig(samples=kind.samples), simulated=True)
        return out | _after(before, play(executor, task.robot, states, task.cameras))
    script = f"{kind.side}_imitation.py"
    spec = config.load(task.robot).spec
    learner = Learner(options.python(kind.side), script, task.own, task.scene, spec, task.cameras)
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
        return out | {"versions": learner.ask("versions")} | play(learner, task.robot, states, task.cameras)
    finally:
        learner.close()


def _after(before: Document, trials: Document) -> Document:
    """The trials of `before`, if any, and these."""
    earlier, now = [int(o) for o in before.get("successes", "")], [int(o) for o in trials["successes"]]
    steps = before.get("mean_steps", 0.0) * len(earlier) + trials["mean_steps"] * len(now)
    return {
        "successes": [*earlier, *now],
        "mean_steps": steps / (len(earlier) + len(now)),
        "evaluation_cpu_s": before.get("evaluation_cpu_s", 0.0) + trials["evaluation_cpu_s"],
    }


def _forget(document: Document, task: str, name: str, seed: int) -> Document:
    """Without the runs that play with the weights of this one, which has new ones."""
    stale = {f"{task} | {other} | {seed}" for other, kind in KINDS.items() if kind.trained_as == name}
    return {key: run for key, run in document.items() if key not in stale}


def _read(store: Path) -> Document:
    """What every run gave so far, those of another process of this script included."""
    document: Document = json.loads(store.read_text()) if store.exists() else {}
    return document


def _ones(run: Document) -> Document:
    """The run with its successes as a text of ones and noughts."""
    return run | {"successes": "".join(str(int(success)) for success in run["successes"])}


def main(options: Options) -> None:
    store = options.folder / "imitation.json"
    options.folder.mkdir(parents=True, exist_ok=True)
    known = {} if options.anew else kept.known("imitation")
    document = known | _read(store)
    for seed in () if options.only_report else options.seeds:
        for task in options.tasks:
            for name in options.runs:
                key = f"{task} | {name} | {seed}"
                side = KINDS[name].side
                if not fits(name, task) or (side != "ours" and not options.python(side)):
                    continue
                before = document.get(key, {})
                if len(before.get("successes", "")) >= TASKS[task].trials:
                    continue
                run = carry_out(name, TASKS[task], seed, options, before)
                own = _read(store)
                if run.get("steps") != before.get("steps"):
                    known, own = (_forget(d, task, name, seed) for d in (known, own))
                own |= {key: {"task": task, "kind": name, "seed": seed} | _ones(run)}
                store.write_text(json.dumps(own) + "\n")
                document = known | own
                shown = {k: v for k, v in run.items() if k != "successes"}
                print(f"{key}: {sum(run['successes'])}/{len(run['successes'])}", shown, flush=True)
    kept.keep("imitation", {key: _ones(run) for key, run in document.items()})
    report({key: run | {"successes": [int(o) for o in run["successes"]]} for key, run in document.items()})


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
