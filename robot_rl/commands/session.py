"""Run a launch description to its end and show, or say at its end, how the episodes went.

The episode manager writes one JSON line for each episode to a results file; this reads the file while the
node graph runs in its own processes.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from robot_rl.datasets.store.place import dataset_path, from_anywhere
from robot_rl.datasets.verdicts import Verdict, told, verdict
from robot_rl.runtime import results
from robot_rl.runtime.episodes import Result
from robot_rl.runtime.launch import Launch, arguments_of, launch
from robot_rl.runtime.launch.domain import claim_domain


class SessionError(RuntimeError):
    """The node graph ended before its work was done; the message names the log to read."""


@dataclass(frozen=True)
class EpisodeNote:
    """What the episode manager says of one episode."""

    seed: int
    purpose: str
    result: Result
    steps: int
    human_steps: int
    interventions: int
    number: int | None
    """Its number in the data set, if it was recorded."""
    judged: bool = True
    """Somebody said how it ended; else it was cut off, and is a failure for want of a word."""

    @property
    def success(self) -> bool:
        return self.result == "success"

    @property
    def verdict(self) -> Verdict:
        return verdict(self.result, judged=self.judged)


def read_notes(path: Path) -> list[EpisodeNote]:
    """What a results file says of its episodes; a line still being written is left for the next look."""
    names = EpisodeNote.__dataclass_fields__
    return [EpisodeNote(**{k: v for k, v in note.items() if k in names}) for note in results.read(path)]


def progress(console: Console | None = None) -> Progress:
    """A progress bar with a count, the times and a success tally."""
    return Progress(
        TextColumn("{task.description:<20}"),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[tally]}"),
        console=console,
    )


def tally(notes: list[EpisodeNote]) -> str:
    """One phrase: successes so far, and interventions where there were any."""
    if not notes:
        return ""
    text = f"{sum(n.success for n in notes)} succeeded"
    helped = sum(n.interventions > 0 for n in notes)
    return f"{text}, {helped} helped" if helped else text


def closing(episodes: Iterable[tuple[str, Verdict]], dataset: str | Path | None) -> str:
    """The last lines of a command that ran episodes: how they went by purpose, and where they are.

    Args:
        episodes: the purpose and the verdict of each.
    """
    return "\n".join([*told(episodes), *([f"recorded to {dataset}"] if dataset else [])])


def run_graph(description: str, arguments: Mapping[str, str]) -> int:
    """Run a launch description in this terminal to its end, and say how its episodes went; its exit code.

    Args:
        arguments: of the description; a `results` file among them may hold the episodes of earlier sittings.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(arguments.get("results") or Path(folder) / "episodes.jsonl")
        earlier = len(read_notes(path))
        code = launch(description, {**arguments, "results": str(path)})
        notes = read_notes(path)[earlier:]
    if notes:
        usual = {a.name: a.default for a in arguments_of(description)}
        dataset = arguments.get("dataset", usual.get("dataset"))
        place = from_anywhere(dataset_path(dataset)) if dataset else None
        print(closing(((n.purpose, n.verdict) for n in notes), place))
    return code


@dataclass
class Session:
    """One launch description running a set number of episodes."""

    title: str
    description: str
    """Name of the launch description: `record` or `deploy`."""
    arguments: Mapping[str, str]
    episodes: int
    folder: Path
    """Where the results file and the nodes' logs go."""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._results = self.folder / "episodes.jsonl"
        self._results.unlink(missing_ok=True)
        self._logs = self.folder / "log"
        self._launch: Launch | None = None

    def start(self) -> None:
        """Start the nodes."""
        arguments = {**self.arguments, "episodes": str(self.episodes), "results": str(self._results)}
        self._launch = Launch(
            self.description,
            arguments,
            log_dir=self._logs,
            quiet=True,
            environment={"ROS_DOMAIN_ID": str(claim_domain())},
        )
        self._launch.start()

    def notes(self) -> list[EpisodeNote]:
        return read_notes(self._results)

    def poll(self) -> bool:
        """Whether the session has ended. Raises SessionError when it ended too early."""
        if self._launch is None:
            raise SessionError("the session was not started")
        code = self._launch.poll()
        if code is None:
            return False
        done = len(self.notes())
        if code != 0 or done < self.episodes:
            raise SessionError(
                f"'{self.title}' stopped after {done} of {self.episodes} episodes (exit code {code}); "
                f"what the nodes said is in {self._logs}"
            )
        return True

    def stop(self) -> None:
        """End the nodes, whatever they are doing."""
        if self._launch is not None:
            self._launch.shutdown()


def run_together(sessions: list[Session], console: Console | None = None) -> list[list[EpisodeNote]]:
    """Run sessions side by side, each in its own DDS domain, with a progress bar each. Ctrl-C stops them all."""
    open_sessions = list(sessions)
    try:
        with progress(console) as bar:
            rows = {id(s): bar.add_task(s.title, total=s.episodes, tally="") for s in sessions}
            for session in sessions:
                session.start()
            while open_sessions:
                for session in list(open_sessions):
                    if session.poll():
                        open_sessions.remove(session)
                    notes = session.notes()
                    bar.update(rows[id(session)], completed=len(notes), tally=tally(notes))
                time.sleep(0.2)
    finally:
        for session in sessions:
            session.stop()
    return [session.notes() for session in sessions]
