"""What a run of the demo shows at its end: a table on the terminal and report.html."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from robot_rl.commands.demo_folder import DemoFolder, read_episodes

if TYPE_CHECKING:
    from robot_rl.datasets.episode import Episode
    from robot_rl.learn.report import Stage

DEMONSTRATED = "policy 1: demonstrations"
CORRECTED = "policy 2: and corrections"


class DemoReport:
    """The report of one run, made from what lies in its folder alone, so that a resumed run shows the whole."""

    def __init__(self, folder: DemoFolder, robot: str, quality: str, console: Console) -> None:
        self._folder, self._robot, self._quality, self._console = folder, robot, quality, console

    def write(self) -> Path:
        """The table on the terminal, and report.html with curves, film strips and timelines."""
        from robot_rl.learn.curves import load_curves
        from robot_rl.learn.film import episode_clip, episode_row
        from robot_rl.learn.report import RunReport, write_report
        from robot_rl.learn.statistics import compare, wilson

        episodes = read_episodes(self._folder.data)
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
        return write_report(
            RunReport(
                title=f"The loop on {self._robot}",
                summary=summary,
                stages=(self._demonstrations(shown["demonstration"]), *stages),
                curves={s.name: load_curves(self._folder.policy(n)) for n, s in enumerate(stages, 1)},
                timelines={
                    "Deployment of policy 1, the operator standing by": [episode_row(e) for e in shown["deployment"]]
                },
                clips=tuple(clips),
                facts={
                    "command": " ".join(["robot-rl", *sys.argv[1:]]),
                    "wall time": str(self._folder.times),
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
            self._folder.path / "report.html",
        )

    def _stage(self, name: str, number: int, cameras: list[str]) -> Stage:
        from robot_rl.learn.film import episode_clip
        from robot_rl.learn.report import Stage

        episodes = read_episodes(self._folder.evaluation(number))
        wins = [e for e in episodes if e.success]
        steps = sorted(len(e) for e in wins)
        failures = [e for e in episodes if not e.success]
        seconds = self._folder.times.seconds.get(f"train {number}")
        example = (failures if number == 1 and failures else wins or episodes)[0]
        return Stage(
            name,
            tuple(bool(e.success) for e in episodes),
            seeds=tuple(int(e.attributes["seed"]) for e in episodes),
            note="trained in a run that kept no times" if seconds is None else f"trained for {seconds:.0f} s",
            facts={"steps to success (median)": str(steps[len(steps) // 2]) if steps else "-"},
            clip=episode_clip(example, cameras) if cameras else None,
        )

    def _demonstrations(self, episodes: list[Episode]) -> Stage:
        from robot_rl.learn.report import Stage

        steps = sorted(len(e) for e in episodes)
        return Stage(
            "operator: demonstrations",
            tuple(bool(e.success) for e in episodes),
            note=f"scripted, quality '{self._quality}'",
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
        self._console.print(table)
        self._console.print(f"paired on the same states: {compare(stages[0].successes, stages[1].successes)}")
        self._console.print(f"the operator stepped in during {helped} of {deployed} deployments")
        self._console.print(str(self._folder.times))


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
