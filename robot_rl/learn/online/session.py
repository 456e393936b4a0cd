"""One online session: act, learn after every step, evaluate on held-out states, save; actor and learner in one process.

A session is saved between episodes. A resumed one is the same session: it ends with the very weights and replay
that an uninterrupted one would have reached. An episode that was recorded, and the process killed before the session
was saved, is taken from the data set: it is counted once, and learnt from.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.record import Step
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online import deployed
from robot_rl.learn.online.acting import AgentExecutor, RowRecorder
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.curve import Point, due, make_point
from robot_rl.learn.online.episodes import held_out, learning_episode
from robot_rl.learn.online.keeping import Keeper, Standing
from robot_rl.learn.online.learner import Learner
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
        self.config, self.cell, self.directory, self.dataset, self._say = config, cell, directory, dataset, say
        self.learner = Learner(config, cell.robot.spec, base, cell.pictures)
        self.executor = AgentExecutor(self.learner.agent, self.learner.observer, self.learner.device, config.seed + 1)
        self.tally = Tally()
        self.curve: list[Point] = []
        self.figures: dict[str, float] = {}
        self._keeper = None
        if directory is not None:
            facts = deployed.describe(config, cell.robot.spec, cell.pictures)
            self._keeper = Keeper(Store(directory, self.learner, accept_changes=accept_changes), facts)
        self._recorder = Recorder(dataset) if dataset is not None else None
        self._labels: Labels = {}
        resumed = self._keeper is not None and self._keeper.exists
        if self._keeper is not None and resumed:
            self._take_on(self._keeper.restore())
        elif dataset is not None and len(dataset):
            raise TrainingError(
                f"{dataset.path} holds episodes already: continue their session, or choose another place"
            )
        added = self.learner.add(demonstrations)
        log.info("%d demonstrations added, %d transitions in the replay", added, len(self.learner.replay))
        if lost := self._overwrites():
            say(lost)
        self.recovered = self._recover()
        """Episodes that had been recorded and not saved when the session was cut off."""
        if relabelled := self._take_up(dataset or ()):
            say(f"what was said of {relabelled} episodes has changed since; their rewards are rewritten")
        self._marks = None
        if cell.undo is not None and dataset is not None:
            self._marks = Marks(cell.undo, dataset, self._taken_back, say)
        if not resumed:
            self._begin(progress)
            self.save(evaluated=bool(self.curve))

    def _overwrites(self) -> str:
        """What is to be said where the replay is too small to keep the demonstrations to the session's end."""
        replay, config = self.learner.replay, self.config
        rows, held, ahead = replay.count, replay.capacity, config.steps - self.tally.robot_steps
        if not (config.demo_share and len(replay.views["demonstrations"].rows)) or rows + ahead <= held:
            return ""
        return (
            f"the replay holds {held} rows, of which demonstrations and what has been done take {rows}: it will "
            f"overwrite the demonstrations before step {config.steps}; raise online.capacity to {rows + 2 * ahead}"
        )

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
        evaluated = due(self.config, self.tally.robot_steps, self.curve)
        if evaluated:
            self.curve.append(self.evaluate())
            log.info("%s", self.curve[-1])
        self.save(evaluated=evaluated)
        on_episode(result)
        if evaluated:
            on_point(self.curve[-1])
        return result

    def conclude(self, on_point: Callable[[Point], None] = lambda point: None) -> None:
        """An evaluation at the end, unless there is one already."""
        if not self.curve or self.curve[-1].robot_steps < self.tally.robot_steps:
            self.curve.append(self.evaluate())
            self.save(evaluated=True)
            on_point(self.curve[-1])

    def evaluate(self) -> Point:
        """The deployed policy from each of the held-out states; draws nothing from the session's generators."""
        trials = held_out(self.cell, self.executor, self.config.evaluation_seeds)
        return make_point(self.tally, trials, self.cell.robot.spec.rate, self.updates, self.figures)

    def save(self, *, evaluated: bool = False) -> None:
        """Write everything that decides how the session goes on, the agent to deploy, and `curve.json`.

        Args:
            evaluated: the newest point of the curve is new, and of the agent as it is.

        Raises:
            TrainingError: the disk failed or is full; the session saved before is as it was.
        """
        if self._keeper is not None:
            noise = self.executor.generator.get_state()
            standing = Standing(self.tally, self.curve, self.figures, labels=self._labels, exploration=noise)
            self._keeper.save(standing, self.learner.agent.state_dict() if evaluated else None)

    def _begin(self, progress: Callable[[float], None]) -> None:
        """Whatever comes before the first robot step, and a look where the session starts from."""
        self.learner.begin(progress)
        if self.config.improver.base != "none" or self.updates:
            self.curve.append(self.evaluate())

    def _episode(self) -> EpisodeResult:
        """One episode, with learning after each of its steps."""
        rows = RowRecorder(self.learner.replay, self.executor, self._learn, human_weight=self.config.human_weight)
        sink = rows if self._recorder is None else Tee([self._recorder, rows])
        return learning_episode(self.cell, self.executor, self.config, self.tally, sink, self._marks, self._say)

    def _learn(self, step: Step) -> None:
        self.tally.step(step.source)
        if self.tally.robot_steps > self.config.warmup:
            self.figures |= self.learner.update()

    def _take_on(self, found: Standing) -> None:
        """Go on from where the session stood."""
        self.tally, self.curve, self.figures, self._labels = found.tally, found.curve, found.figures, found.labels
        if found.exploration is not None:
            self.executor.generator.set_state(found.exploration)

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
        lost = self.learner.recover(self.dataset or (), self._say)
        for episode in lost:
            self.tally.recover(episode)
        return len(lost)
