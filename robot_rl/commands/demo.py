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

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from robot_rl import workspace
from robot_rl.commands import deploy, record
from robot_rl.commands.demo_card import add_demo_evaluation
from robot_rl.commands.demo_folder import DemoFolder, read_episodes
from robot_rl.commands.demo_report import DemoReport
from robot_rl.commands.graph_options import SCRIPTED
from robot_rl.commands.session import Session, run_together
from robot_rl.hardware import config as hardware_config

HELD_OUT = 1_000_000
"""Seed of the first initial state of the evaluation; recordings never come near it."""


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
        self.folder = DemoFolder(options.output or workspace.root() / "runs" / stamp)
        self.console = Console()

    def run(self) -> None:
        """Every stage in turn; each looks first at what an earlier run has left."""
        self.console.print(f"[bold]robot-rl demo[/] in {escape(str(self.folder.path))}", soft_wrap=True)
        self.record()
        self.train(1, "on the demonstrations")
        self.deploy()
        self.train(2, "on demonstrations, recoveries and corrections")
        self.evaluate()
        report = DemoReport(self.folder, self.options.robot, self.options.quality, self.console).write()
        self.console.print(f"\nreport: [bold]{escape(str(report))}[/]", soft_wrap=True)

    # -- stages ---------------------------------------------------------------------------------------

    def record(self) -> None:
        """(a) The operator demonstrates."""
        with self.folder.times.timed("record"):
            self._sessions([self._session("record", "record", self.folder.data, "demonstration")])

    def train(self, number: int, on: str) -> None:
        """(b), (d) A policy learns from what the data set holds."""
        from robot_rl.learn import config
        from robot_rl.learn.run import is_finished
        from robot_rl.learn.train import train

        folder = self.folder.policy(number)
        if is_finished(folder):
            return
        self.console.print(f"train policy {number} {on}")
        with self.folder.times.timed(f"train {number}"):
            recipe = config.load(self.options.recipe)
            steps = self.options.steps or recipe.steps
            train(replace(recipe, dataset=(str(self.folder.data),), output=folder, seed=self.options.seed, steps=steps))

    def deploy(self) -> None:
        """(c) The policy drives; the operator rewinds and corrects."""
        with self.folder.times.timed("deploy"):
            session = self._session("deploy and correct", "deploy", self.folder.data, "deployment", policy=1)
            self._sessions([session])

    def evaluate(self) -> None:
        """(e) Both policies from the same held-out states, side by side; nobody intervenes. Their model cards say how
        they did."""
        with self.folder.times.timed("evaluate"):
            self._sessions(
                [
                    self._session(f"evaluate policy {n}", "deploy", self.folder.evaluation(n), "evaluation", policy=n)
                    for n in (1, 2)
                ]
            )
        for n in (1, 2):
            card = add_demo_evaluation(self.folder, n, hardware_config.load(self.options.robot).name)
            self.console.print(f"model card: {escape(str(card))}", soft_wrap=True)

    # -- their parts ----------------------------------------------------------------------------------

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
        common: dict[str, Any] = {"robot": o.robot, "device": SCRIPTED, "quality": o.quality, "cameras": o.cameras}
        common |= {"dataset": str(data.absolute()), "seed": first + done, "lockstep": True}
        if policy:
            checkpoint, alone = str(self.folder.policy(policy) / "checkpoint"), purpose == "evaluation"
            deployed = deploy.Options(checkpoint=checkpoint, evaluation=alone, intervene=not alone, **common)
            arguments = deploy.arguments(deployed, checkpoint)
        else:
            arguments = record.Options(**common).launch_arguments()
        notes = self.folder.path / "sessions" / title.replace(" ", "_")
        return Session(title, description, arguments, wanted - done, notes)

    def _sessions(self, sessions: list[Session | None]) -> None:
        run_together([s for s in sessions if s is not None], self.console)
