"""One online session: act, learn after every step, evaluate on held-out states, save; actor and learner in one process.

A session is saved between episodes. A resumed one is the same session: it ends with the very weights and replay
that an uninterrupted one would have reached.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.datasets.episode import Episode
from robot_rl.datasets.record import Source, Step
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.acting import AgentExecutor, RowRecorder
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.learner import Learner
from robot_rl.learn.online.workcell import Workcell
from robot_rl.learn.statistics import wilson
from robot_rl.policies import storage
from robot_rl.policies.policy import Policy

NAME = "session"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Point:
    """One evaluation: the policy's mean action, from every held-out state, nobody helping."""

    robot_steps: int
    human_steps: int
    minutes: float
    """Of robot time."""
    updates: int
    """Critic updates."""
    trials: int
    successes: int
    low: float
    high: float
    """95 % interval of the success rate."""
    seconds_to_success: float | None
    """Mean robot time of the successes."""
    training_successes: int
    training_episodes: int
    """Since the session began, exploration and help included."""
    figures: dict[str, float]
    """Of the newest update: losses, mean target, entropy, temperature."""

    @property
    def success(self) -> float:
        return self.successes / self.trials


class Session:
    """An improver at work.

    Args:
        demonstrations: recorded episodes.
        base: the frozen policy, for improvers that want one.
        directory: where the session is kept; one that lies there is continued. None keeps nothing.
        progress: called with the share of the offline phase that is done.

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
    ) -> None:
        self.config, self.cell, self.directory = config, cell, directory
        self.learner = Learner(config, cell.robot.spec, base, cell.pictures)
        self.executor = AgentExecutor(self.learner.agent, self.learner.observer, self.learner.device, config.seed + 1)
        self.robot_steps = self.human_steps = self.episodes = self.successes = 0
        self.curve: list[Point] = []
        self.figures: dict[str, float] = {}
        self.seconds = 0.0
        """Wall time of acting and learning, without evaluations."""
        if directory is not None and (directory / f"{NAME}.json").is_file():
            self._restore(directory)
        added = self.learner.add(demonstrations)
        log.info("%d demonstrations added, %d transitions in the replay", added, len(self.learner.replay))
        if self.episodes == 0:
            self._begin(progress)

    def run(self) -> list[Point]:
        """Act and learn until `config.steps`; returns the evaluations. The last point is always at the end."""
        while self.robot_steps < self.config.steps:
            self._episode()
            if self._due():
                self.curve.append(self.evaluate())
                log.info("%s", self.curve[-1])
            if self.directory is not None:
                self.save(self.directory)
        return self.curve

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
        won = [r.ending.steps for r in results if r.success]
        interval, rate = wilson(len(won), len(results)), self.cell.robot.spec.rate
        return Point(
            robot_steps=self.robot_steps,
            human_steps=self.human_steps,
            minutes=self.robot_steps / rate / 60.0,
            updates=self.learner.improver.updates,
            trials=len(results),
            successes=len(won),
            low=interval.low,
            high=interval.high,
            seconds_to_success=float(np.mean(won)) / rate if won else None,
            training_successes=self.successes,
            training_episodes=self.episodes,
            figures=dict(self.figures),
        )

    def save(self, directory: Path) -> None:
        """Write everything that decides how the session goes on, and `curve.json`."""
        tensors, learner = self.learner.state()
        document = {
            "config": _plain(self.config.to_dict()),
            "learner": learner,
            **{k: getattr(self, k) for k in _COUNTS},
            "figures": self.figures,
            "curve": [asdict(p) for p in self.curve],
        }
        storage.write(directory, NAME, {**tensors, "exploration": self.executor.generator.get_state()}, document)
        fresh = directory / "curve.json.new"
        fresh.write_text(json.dumps([{**asdict(p), "success": p.success} for p in self.curve], indent=1) + "\n")
        fresh.replace(directory / "curve.json")

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

    def _episode(self) -> None:
        """One episode, with learning after each of its steps."""
        seed = 1000 * self.config.seed + self.episodes
        recorder = RowRecorder(self.learner.replay, self.executor, self._learn, human_weight=self.config.human_weight)
        self.executor.mode = "warmup" if self.robot_steps < self.config.warmup else "sample"
        begun = time.monotonic()
        name = f"online-{self.config.seed}-{self.episodes}"
        result = self.cell.run(self.executor, seed, "deployment", recorder, episode_id=name)
        self.seconds += time.monotonic() - begun
        self.episodes += 1
        self.successes += result.success

    def _learn(self, step: Step) -> None:
        self.robot_steps += 1
        self.human_steps += step.source == Source.HUMAN
        if self.robot_steps > self.config.warmup:
            self.figures |= self.learner.update()

    def _due(self) -> bool:
        """An evaluation's time has come since the last one."""
        last = self.curve[-1].robot_steps if self.curve else 0
        every = self.config.evaluate_every
        return self.robot_steps // every > last // every or (
            self.robot_steps >= self.config.steps and last < self.robot_steps
        )

    def _restore(self, directory: Path) -> None:
        try:
            document = storage.read_document(directory, NAME)
            mine = _plain(self.config.to_dict())
            changed = [
                f"{key} was {document['config'].get(key)}, now {value}"
                for key, value in mine.items()
                if key not in _FREE and document["config"].get(key) != value
            ]
            if changed:
                raise TrainingError(
                    f"{directory}: a session with another configuration lies there:\n  "
                    + "\n  ".join(changed)
                    + "\nUse its configuration, or another directory."
                )
            tensors = storage.read_tensors(directory, document)
            self.learner.restore(tensors, document["learner"])
            self.executor.generator.set_state(tensors["exploration"])
            for key in _COUNTS:
                setattr(self, key, document[key])
            self.figures = document["figures"]
            self.curve = [Point(**p) for p in document["curve"]]
        except (storage.StorageError, KeyError) as error:
            raise TrainingError(f"{directory}: this session cannot be continued: {error!r}") from error


_COUNTS = ("robot_steps", "human_steps", "episodes", "successes", "seconds")
_FREE = ("steps", "evaluate_every", "evaluation_seeds", "device")
"""Options that may change from one sitting to the next."""


def _plain(value: Any) -> Any:
    """As JSON gives it back."""
    return json.loads(json.dumps(value))
