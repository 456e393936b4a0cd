"""One online session: act, learn after every step, evaluate on held-out states, save; actor and learner in one process.

A session is saved between episodes. A resumed one is the same session: it ends with the very weights and replay
that an uninterrupted one would have reached.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from robot_rl.datasets.episode import Episode
from robot_rl.datasets.record import Source, Step
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online import checkpoint, rlpd
from robot_rl.learn.online.acting import ActorExecutor, ReplayRecorder
from robot_rl.learn.online.actor import STATE, StateActor
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.demonstrations import add_episodes
from robot_rl.learn.online.observe import Observer
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.residual import ResidualActor
from robot_rl.learn.online.sac import Sac
from robot_rl.learn.online.workcell import Workcell
from robot_rl.learn.statistics import wilson
from robot_rl.policies import storage
from robot_rl.policies.checkpoint import torch_device
from robot_rl.policies.normalization import Statistics
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
        demonstrations: recorded episodes; for `rlpd` at least one success among them.
        base: the frozen policy that `residual` corrects.
        directory: where the session is kept; one that lies there is continued. None keeps nothing.

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
    ) -> None:
        if (config.improver == "residual") != (base is not None):
            raise TrainingError(f"improver '{config.improver}': a base policy is for 'residual', which needs one")
        self.config, self.cell, self.directory = config, cell, directory
        self.device = torch_device(config.device)
        spec = cell.robot.spec
        self.observer = Observer(spec, config.observation, base)
        self.replay = Replay(config.capacity, self.observer.fields, spec.action.size, config.sac.n_step)
        self.sac = self._learner()
        self.executor = ActorExecutor(self.sac.actor, self.observer, self.device, config.seed + 1)
        self.sampler = np.random.default_rng(config.seed)
        self.robot_steps = self.human_steps = self.episodes = self.successes = 0
        self.curve: list[Point] = []
        self.figures: dict[str, float] = {}
        self.seconds = 0.0
        """Wall time of acting and learning, without evaluations."""
        if directory is not None and (directory / f"{NAME}.json").is_file():
            self._restore(directory)
        added = add_episodes(self.replay, self.observer, demonstrations, config.human_weight)
        log.info("%d demonstrations added, %d transitions in the replay", added, len(self.replay))
        if self.episodes == 0:
            self._begin()

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
        before, self.executor.mode = self.executor.mode, "mode"
        self.sac.actor.eval()
        seeds = self.config.evaluation_seeds
        results = [self.cell.run(self.executor, seed, "evaluation") for seed in seeds]
        self.sac.actor.train()
        self.executor.mode = before
        won = [r.ending.steps for r in results if r.success]
        interval, rate = wilson(len(won), len(results)), self.cell.robot.spec.rate
        return Point(
            robot_steps=self.robot_steps,
            human_steps=self.human_steps,
            minutes=self.robot_steps / rate / 60.0,
            updates=self.sac.updates,
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
        tensors, learner = checkpoint.learner_state(self.sac)
        rows, replay = checkpoint.replay_state(self.replay)
        document = {
            "config": _plain(self.config.to_dict()),
            "learner": learner,
            "replay": replay,
            "sampler": self.sampler.bit_generator.state,
            **{k: getattr(self, k) for k in _COUNTS},
            "figures": self.figures,
            "curve": [asdict(p) for p in self.curve],
        }
        storage.write(
            directory, NAME, {**tensors, **rows, "exploration": self.executor.generator.get_state()}, document
        )
        fresh = directory / "curve.json.new"
        fresh.write_text(json.dumps([{**asdict(p), "success": p.success} for p in self.curve], indent=1) + "\n")
        fresh.replace(directory / "curve.json")

    def _learner(self) -> Sac:
        config, spec, size = self.config, self.cell.robot.spec, self.observer.layout.size
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            actor = (
                ResidualActor(size, spec.action, config.sac.hidden, config.scale)
                if config.improver == "residual"
                else StateActor(size, spec.action, config.sac.hidden)
            )
        return Sac(config.sac, actor.to(self.device), size, spec.action.size, self.device, config.seed)

    def _begin(self) -> None:
        """Fit the observations' scale to the demonstrations, for good, and look where the base stands."""
        if self.config.improver == "rlpd" and self.config.demo_share > 0:
            human = self.replay.views["demonstrations"].rows
            if self.config.reward != "rlif" and not self.replay.columns["success"][human].any():
                raise TrainingError(
                    f"there is no success in {len(human)} steps of demonstrations: RLPD learns nothing from a reward "
                    "that never comes. Record successes, or set demo_share to 0"
                )
        if len(self.replay):
            rows = self.replay.observation[STATE][self.replay.views["all"].rows]
            self.sac.actor.normalizer.fit(Statistics.of(rows), "mean_std")
        if self.config.improver == "residual":
            self.curve.append(self.evaluate())

    def _episode(self) -> None:
        """One episode, with learning after each of its steps."""
        seed = 1000 * self.config.seed + self.episodes
        recorder = ReplayRecorder(self.replay, self.executor, self._learn, human_weight=self.config.human_weight)
        self.executor.mode = "uniform" if self.robot_steps < self.config.warmup else "sample"
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
            self.figures |= rlpd.update(self.config, self.replay, self.sac, self.sampler)

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
            checkpoint.restore_learner(self.sac, tensors, document["learner"])
            checkpoint.restore_replay(self.replay, tensors, document["replay"])
            self.executor.generator.set_state(tensors["exploration"])
            self.sampler.bit_generator.state = document["sampler"]
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
