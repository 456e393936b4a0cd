"""One online session: act, learn after every step, evaluate on held-out states, save; actor and learner in one process.

A session is saved between episodes. A resumed one is the same session: it ends with the very weights and replay
that an uninterrupted one would have reached. An episode that was recorded, and the process killed before the session
was saved, is taken from the data set: it is counted once, and learnt from.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.record import Step
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online import deployed
from robot_rl.learn.online.acting import AgentExecutor, RowRecorder
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.curve import Point, due, make_point, write_curve
from robot_rl.learn.online.learner import EPISODE_ID, Learner, unlearnt
from robot_rl.learn.online.marks import Marks
from robot_rl.learn.online.relabelling import Labels, take_up
from robot_rl.learn.online.store import NAME as NAME
from robot_rl.learn.online.store import Store
from robot_rl.learn.online.tally import Tally
from robot_rl.learn.online.tee import Tee
from robot_rl.learn.online.workcell import Workcell
from robot_rl.policies.policy import Policy
from robot_rl.runtime.loop import EpisodeResult
from robot_rl.runtime.recorder import Recorder

log = logging.getLogger(__name__)


class Session:
    """An improver at work.

    Args:
        demonstrations: recorded episodes.
        base: the frozen policy, for improvers that want one.
        directory: where the session is kept; one that lies there is continued. None keeps nothing.
        progress: called with the share of the offline phase that is done.
        dataset: takes every online episode, open for appending; each is safe there before it is learnt from.
        accept_changes: continue a session that was begun with another configuration.
        say: a line for the user.

    Raises:
        TrainingError: the parts do not fit together, or another session lies in `directory`.
        ReplayError, DatasetError: a demonstration cannot be used.
    """

    def __init__(
        self,
        config: OnlineConfig,
        cell: Workcell,
        demonstrations: Iterable[Episode] = (),
        base: Policy | None = None,
        directory: Path | None = None,
        progress: Callable[[float], None] = lambda share: None,
        *,
        dataset: Dataset | None = None,
        accept_changes: bool = False,
        say: Callable[[str], None] = log.warning,
    ) -> None:
        self.config, self.cell, self.directory, self.dataset = config, cell, directory, dataset
        self.learner = Learner(config, cell.robot.spec, base, cell.pictures)
        self.executor = AgentExecutor(self.learner.agent, self.learner.observer, self.learner.device, config.seed + 1)
        self.tally = Tally()
        self.curve: list[Point] = []
        self.figures: dict[str, float] = {}
        self._facts = deployed.describe(config, cell.robot.spec, cell.pictures)
        self._store = Store(directory, self.learner, accept_changes=accept_changes) if directory is not None else None
        self._recorder = Recorder(dataset) if dataset is not None else None
        self._labels: Labels = {}
        resumed = self._store is not None and self._store.exists
        if resumed:
            self._restore()
        elif dataset is not None and len(dataset):
            raise TrainingError(
                f"{dataset.path} holds episodes already: continue their session, or choose another place"
            )
        added = self.learner.add(demonstrations)
        log.info("%d demonstrations added, %d transitions in the replay", added, len(self.learner.replay))
        self.recovered = self._recover()
        """Episodes that had been recorded and not saved when the session was cut off."""
        if relabelled := self._take_up(dataset or ()):
            say(f"what was said of {relabelled} episodes has changed since; their rewards are rewritten")
        self._marks = None
        if cell.undo is not None and dataset is not None:
            self._marks = Marks(cell.undo, dataset, self._taken_back, say)
        if not resumed:
            self._begin(progress)
            self.save()

    @property
    def updates(self) -> int:
        """Critic updates so far."""
        return self.learner.improver.updates

    def run(
        self,
        *,
        stop: Callable[[], bool] = lambda: False,
        on_episode: Callable[[EpisodeResult], None] = lambda result: None,
        on_point: Callable[[Point], None] = lambda point: None,
    ) -> list[Point]:
        """Act and learn until `config.steps`; returns the evaluations. The last point is always at the end.

        Args:
            stop: asked after every episode.
            on_episode, on_point: called after each episode and evaluation, once they are safe on disk.
        """
        while self.tally.robot_steps < self.config.steps and not stop():
            self.turn(on_episode, on_point)
        return self.curve

    def turn(
        self,
        on_episode: Callable[[EpisodeResult], None] = lambda result: None,
        on_point: Callable[[Point], None] = lambda point: None,
    ) -> EpisodeResult:
        """One episode, and an evaluation where its time has come; both are saved before anybody hears of them."""
        result = self._episode()
        due = self._due()
        if due:
            self.curve.append(self.evaluate())
            log.info("%s", self.curve[-1])
        self.save()
        on_episode(result)
        if due:
            on_point(self.curve[-1])
        return result

    def conclude(self, on_point: Callable[[Point], None] = lambda point: None) -> None:
        """An evaluation at the end, unless there is one already."""
        if not self.curve or self.curve[-1].robot_steps < self.tally.robot_steps:
            self.curve.append(self.evaluate())
            self.save()
            on_point(self.curve[-1])

    def evaluate(self) -> Point:
        """The deployed policy from each of the held-out states; draws nothing from the session's generators."""
        before, noise = self.executor.mode, self.executor.generator.get_state()
        self.executor.mode = "mode"
        self.learner.agent.eval()
        seeds = self.config.evaluation_seeds
        results = [self.cell.run(self.executor, seed, "evaluation") for seed in seeds]
        self.learner.agent.train()
        self.executor.mode = before
        self.executor.generator.set_state(noise)
        trials = [(r.success, r.ending.steps) for r in results]
        return make_point(self.tally, trials, self.cell.robot.spec.rate, self.learner.improver.updates, self.figures)

    def save(self) -> None:
        """Write everything that decides how the session goes on, the agent to deploy, and `curve.json`.

        Raises:
            TrainingError: the disk failed or is full; the session saved before is as it was.
        """
        if self._store is None or self.directory is None:
            return
        document = {"tally": self.tally.to_dict(), "figures": self.figures, "curve": [asdict(p) for p in self.curve]}
        document["labels"] = self._labels
        self._store.save({"exploration": self.executor.generator.get_state()}, document)
        training = {"robot_steps": self.tally.robot_steps, "updates": self.learner.improver.updates}
        deployed.save(self.directory, self.learner.agent, self._facts | {"training": training})
        write_curve(self.directory, self.curve)

    def _begin(self, progress: Callable[[float], None]) -> None:
        """Whatever comes before the first robot step, and a look where the session starts from."""
        improver, replay = self.learner.improver, self.learner.replay
        improver.begin(replay)
        share = 0.0
        while share < 1.0:
            share = improver.prepare(replay, self.learner.rng)
            progress(share)
        if self.config.improver.base != "none" or improver.updates:
            self.curve.append(self.evaluate())

    def _episode(self) -> EpisodeResult:
        """One episode, with learning after each of its steps."""
        rows = RowRecorder(self.learner.replay, self.executor, self._learn, human_weight=self.config.human_weight)
        sink = rows if self._recorder is None else Tee([self._recorder, rows])
        self.executor.mode = "warmup" if self.tally.robot_steps < self.config.warmup else "sample"
        begun, before = time.monotonic(), self.cell.resets
        result = self.cell.run(
            self.executor,
            episode_seed(self.config, self.tally),
            "deployment",
            sink,
            **{EPISODE_ID: episode_id(self.config, self.tally)},
        )
        self.tally.seconds += time.monotonic() - begun
        self.tally.episode(result.success)
        self.tally.resets(self.cell.resets - before)
        if self._marks is not None:
            self._marks.add(result.number, marked=result.ending.marked)
        return result

    def _learn(self, step: Step) -> None:
        self.tally.step(step.source)
        if self.tally.robot_steps > self.config.warmup:
            self.figures |= self.learner.update()

    def _due(self) -> bool:
        """An evaluation's time has come since the last one."""
        return due(self.config, self.tally.robot_steps, self.curve[-1].robot_steps if self.curve else 0)

    def _restore(self) -> None:
        if self._store is None:
            return
        tensors, document = self._store.restore()
        try:
            self.executor.generator.set_state(tensors["exploration"])
            self.tally = Tally.from_dict(document["tally"])
            self.figures, self._labels = document["figures"], document.get("labels", {})
            self.curve = [Point(**p) for p in document["curve"]]
        except (KeyError, TypeError) as error:
            raise TrainingError(f"{self.directory}: this session cannot be continued: {error!r}") from error

    def _taken_back(self, episode: Episode, was: bool) -> None:
        self._take_up([episode])

    def _take_up(self, episodes: Iterable[Episode]) -> int:
        """Learn from now on what is said now of these episodes; returns of how many that is something else."""
        changed = take_up(self.learner.replay, episodes, self._labels)
        for rejudged in changed:
            self.tally.rejudge(*rejudged)
        return len(changed)

    def _recover(self) -> int:
        """Take in what was recorded after the session was saved last."""
        lost = unlearnt(self.dataset or (), self.learner.replay)
        self.learner.add_own(lost)
        for episode in lost:
            self.tally.recover(episode)
        return len(lost)


def episode_id(config: OnlineConfig, tally: Tally) -> str:
    """What the next episode is called, in the replay as in the data set."""
    return f"online-{config.seed}-{tally.episodes}"


def episode_seed(config: OnlineConfig, tally: Tally) -> int:
    """Of the next episode's initial state."""
    return 1000 * config.seed + tally.episodes
