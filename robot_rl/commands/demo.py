"""The whole loop in simulation, ending in a report: record, train, deploy with interventions, retrain, evaluate.

Every stage but training runs as separate processes over ROS 2: a robot, its cameras, teleoperation, the arbiter
with the safety envelope, a recorder, a policy and an episode manager. A scripted operator holds the gamepad. It
records demonstrations of mixed quality; a flow-matching policy learns from them and is deployed while the
operator watches, rewinds and corrects when failure looms (RaC); the policy is trained again on the enlarged data;
both policies are evaluated on the same held-out initial states. Run it again with --output of an interrupted run
to go on where it stopped.

Examples:
  robot-rl demo
  robot-rl demo --quick
  robot-rl demo --output runs/2026-01-31_12-00-00
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from robot_rl import workspace
from robot_rl.commands.session import Session, run_together

if TYPE_CHECKING:
    from robot_rl.datasets.dataset import Dataset
    from robot_rl.datasets.episode import Episode
    from robot_rl.learn.report import Stage

HELD_OUT = 1_000_000
"""Seed of the first initial state of the evaluation; recordings never come near it."""

DEMONSTRATED = "policy 1: demonstrations"
CORRECTED = "policy 2: and corrections"


@dataclass(frozen=True)
class Options:
    """How much of everything."""

    robot: str = "sim_lift"
    """A simulated robot with a scripted operator."""
    recipe: str = "flow_lift"
    """What to train: a folder of policies/ with a train.yaml."""
    quality: str = "mixed"
    """How well the operator drives; `mixed` differs in speed, is noisy, pauses and sometimes misses."""
    demonstrations: int = 12
    """Few, so that there is something left to learn: forty of them leave a policy little to gain."""
    deployments: int = 60
    """Episodes in which the policy drives and the operator may step in."""
    evaluations: int = 50
    """Held-out initial states, the same for both policies."""
    steps: int = 0
    """Optimiser steps of each training; 0 takes the recipe's."""
    seed: int = 0
    """Seed of the first demonstration and of the training."""
    cameras: str = "all"
    """Which cameras to record."""
    quick: bool = False
    """A few episodes and training steps: shows that everything runs, not that anything is learned."""
    output: Path | None = None
    """Where the run goes; by default runs/<time>. An interrupted run there is continued."""

    def resolved(self) -> Options:
        """With what `quick` stands for."""
        if not self.quick:
            return self
        return replace(self, demonstrations=4, deployments=3, evaluations=4, steps=200)


def run(options: Options) -> int:
    demo = Demo(options.resolved())
    demo.run()
    return 0


class Demo:
    """One run of the main job, in one folder."""

    def __init__(self, options: Options) -> None:
        self.options = options
        stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        self.folder = (options.output or workspace.root() / "runs" / stamp).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.console = Console()
        self.seconds: dict[str, float] = {}

    def run(self) -> None:
        """Every stage in turn; each looks first at what an earlier run has left."""
        self.console.print(f"[bold]robot-rl demo[/] in {self.folder}")
        self.record()
        self.train(1, "on the demonstrations")
        self.deploy()
        self.train(2, "on demonstrations, recoveries and corrections")
        self.evaluate()
        report = self.report()
        self.console.print(f"\nreport: [bold]{report}[/]")

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.seconds[stage] = time.monotonic() - start

    # -- stages ---------------------------------------------------------------------------------------

    def record(self) -> None:
        """(a) The operator demonstrates."""
        with self._timed("record"):
            self._sessions([self._session("record", "record", self.data, "demonstration")])

    def train(self, number: int, on: str) -> None:
        """(b), (d) A policy learns from what the data set holds."""
        from robot_rl.learn import config
        from robot_rl.learn.train import train

        folder = self.policy(number)
        if (folder / "checkpoint").exists():
            return
        self.console.print(f"train policy {number} {on}")
        with self._timed(f"train {number}"):
            recipe = config.load(self.options.recipe)
            steps = self.options.steps or recipe.steps
            train(replace(recipe, dataset=(self.data,), output=folder, seed=self.options.seed, steps=steps))

    def deploy(self) -> None:
        """(c) The policy drives; the operator rewinds and corrects."""
        with self._timed("deploy"):
            session = self._session("deploy and correct", "deploy", self.data, "deployment", policy=1)
            self._sessions([session])

    def evaluate(self) -> None:
        """(e) Both policies from the same held-out states, side by side; nobody intervenes."""
        with self._timed("evaluate"):
            self._sessions(
                [
                    self._session(f"evaluate policy {n}", "deploy", self.evaluation(n), "evaluation", policy=n)
                    for n in (1, 2)
                ]
            )

    # -- their parts ----------------------------------------------------------------------------------

    @property
    def data(self) -> Path:
        """The one data set: demonstrations and deployments."""
        return self.folder / "data.zarr"

    def policy(self, number: int) -> Path:
        return self.folder / f"policy_{number}"

    def evaluation(self, number: int) -> Path:
        return self.folder / f"evaluation_{number}.zarr"

    def _session(self, title: str, description: str, data: Path, purpose: str, policy: int = 0) -> Session | None:
        """A launch that records what is still missing of a stage, or None when nothing is."""
        o = self.options
        wanted, first = {
            "demonstration": (o.demonstrations, o.seed),
            "deployment": (o.deployments, o.seed + 100_000),
            "evaluation": (o.evaluations, HELD_OUT),
        }[purpose]
        done = sum(e.purpose == purpose for e in read_episodes(data))
        if done >= wanted:
            return None
        arguments = {
            "robot": o.robot,
            "device": "scripted",
            "quality": o.quality,
            "operator": f"scripted:{o.quality}",
            "dataset": str(data),
            "cameras": o.cameras,
            "seed": str(first + done),
            "lockstep": "true",
        }
        if policy:
            arguments |= {
                "checkpoint": str(self.policy(policy) / "checkpoint"),
                "purpose": purpose,
                "intervene": str(purpose == "deployment").lower(),
            }
        return Session(title, description, arguments, wanted - done, self.folder / "sessions" / title.replace(" ", "_"))

    def _sessions(self, sessions: list[Session | None]) -> None:
        run_together([s for s in sessions if s is not None], self.console)

    # -- the report -----------------------------------------------------------------------------------

    def report(self) -> Path:
        """The table on the terminal, and report.html with curves, film strips and timelines."""
        from robot_rl.learn.curves import load_curves
        from robot_rl.learn.film import episode_clip, episode_row
        from robot_rl.learn.report import RunReport, write_report
        from robot_rl.learn.statistics import compare, wilson

        episodes = read_episodes(self.data)
        shown = {p: [e for e in episodes if e.purpose == p] for p in ("demonstration", "deployment")}
        cameras = [str(n) for n in ("front", "chase", "wrist") if episodes and n in episodes[0].stream_names][:2]
        helped = [e for e in shown["deployment"] if interventions(e)]
        stages = [
            self._stage(DEMONSTRATED, 1, cameras),
            self._stage(CORRECTED, 2, cameras),
        ]
        first, second = stages
        comparison = compare(first.successes, second.successes)
        self._print(stages, len(helped), len(shown["deployment"]))
        clips = [
            episode_clip(e, cameras, caption)
            for e, caption in (
                *((e, "A demonstration") for e in shown["demonstration"][:1]),
                *((e, "A deployment in which the operator stepped in") for e in helped[:1]),
            )
            if cameras
        ]
        rates = [str(wilson(sum(s.successes), len(s.successes))) for s in stages]
        summary = (
            f"{len(shown['demonstration'])} demonstrations of mixed quality, then {len(shown['deployment'])} "
            f"episodes of the policy with the operator standing by, who stepped in during {len(helped)}. Success on "
            f"{len(first.successes)} held-out initial states went from {rates[0]} to {rates[1]}: {comparison}."
        )
        total = sum(self.seconds.values())
        return write_report(
            RunReport(
                title=f"The loop on {self.options.robot}",
                summary=summary,
                stages=(self._demonstrations(shown["demonstration"]), *stages),
                curves={s.name: load_curves(self.policy(n)) for n, s in enumerate(stages, 1)},
                timelines={
                    "Deployment of policy 1, the operator standing by": [episode_row(e) for e in shown["deployment"]]
                },
                clips=tuple(clips),
                facts={
                    "command": " ".join(["robot-rl", *sys.argv[1:]]),
                    "wall time": f"{total / 60:.1f} min ("
                    + ", ".join(f"{k} {v:.0f} s" for k, v in self.seconds.items())
                    + ")",
                    "steps by the operator": f"{human_steps(shown['demonstration'])} demonstrating, "
                    f"{human_steps(shown['deployment'])} correcting",
                    "machine": f"{platform.machine()}, Python {platform.python_version()}",
                    **versions(),
                },
                notes=(
                    "Demonstrations and deployments are in data.zarr, the evaluations beside it, with every step's "
                    "source and phase.",
                ),
            ),
            self.folder / "report.html",
        )

    def _stage(self, name: str, number: int, cameras: list[str]) -> Stage:
        from robot_rl.learn.film import episode_clip
        from robot_rl.learn.report import Stage

        episodes = read_episodes(self.evaluation(number))
        wins = [e for e in episodes if e.success]
        steps = sorted(len(e) for e in wins)
        failures = [e for e in episodes if not e.success]
        example = (failures if number == 1 and failures else wins or episodes)[0]
        return Stage(
            name,
            tuple(bool(e.success) for e in episodes),
            seeds=tuple(int(e.attributes["seed"]) for e in episodes),
            note=f"trained for {self.seconds.get(f'train {number}', 0):.0f} s",
            facts={"steps to success (median)": str(steps[len(steps) // 2]) if steps else "-"},
            clip=episode_clip(example, cameras) if cameras else None,
        )

    def _demonstrations(self, episodes: list[Episode]) -> Stage:
        from robot_rl.learn.report import Stage

        steps = sorted(len(e) for e in episodes)
        return Stage(
            "operator: demonstrations",
            tuple(bool(e.success) for e in episodes),
            note=f"scripted, quality '{self.options.quality}'",
            facts={"steps to success (median)": str(steps[len(steps) // 2]) if steps else "-"},
        )

    def _print(self, stages: list[Stage], helped: int, deployed: int) -> None:
        from robot_rl.learn.statistics import compare, wilson

        table = Table(title=f"Success on {len(stages[0].successes)} held-out initial states")
        for column in ("policy", "success", "95 % interval", "median steps"):
            table.add_column(column)
        for stage in stages:
            p = wilson(sum(stage.successes), len(stage.successes))
            row = (f"{p.successes}/{p.trials} = {p.rate:.0%}", f"{p.low:.0%} to {p.high:.0%}", *stage.facts.values())
            table.add_row(stage.name, *row)
        self.console.print(table)
        self.console.print(f"paired on the same states: {compare(stages[0].successes, stages[1].successes)}")
        self.console.print(f"the operator stepped in during {helped} of {deployed} deployments")
        spent = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self.seconds.items())
        self.console.print(f"{sum(self.seconds.values()) / 60:.1f} min: {spent}")


def read_episodes(path: Path) -> list[Episode]:
    """Every episode of a data set; none where there is no data set yet."""
    from robot_rl.datasets.dataset import Dataset

    if not (path / "zarr.json").exists():
        return []
    data: Dataset = Dataset.open(path)
    return list(data)


def interventions(episode: Episode) -> bool:
    """The human acted, or rewound, in an episode that a policy was driving."""
    from robot_rl.datasets.record import Phase

    return bool((episode.steps["phase"] > Phase.AUTONOMOUS).any())


def human_steps(episodes: list[Episode]) -> int:
    """How many steps the human drove."""
    from robot_rl.datasets.record import Source

    return sum(int((e.steps["source"] == Source.HUMAN).sum()) for e in episodes)


def versions() -> dict[str, str]:
    """Of the packages that the result depends on."""
    from importlib.metadata import version

    names = ("robot_rl", "torch", "mujoco", "robosuite", "zarr", "numpy")
    return {"versions": ", ".join(f"{n} {version(n)}" for n in names)}
