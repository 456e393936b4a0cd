"""Many actors through Ray, one learner here: on this machine, or on the cluster that RAY_ADDRESS names.

Ray's own transport carries rows and parameters, as pickles between the cluster's own processes: use a network that you
trust. Actors never wait for the learner; parameters reach them in the middle of an episode.
"""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode
from robot_rl.extras import require
from robot_rl.hardware import config as hardware_config
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online import deployed
from robot_rl.learn.online.curve import Point, due, make_point
from robot_rl.learn.online.folder import EPISODES, load_base
from robot_rl.learn.online.keeping import Keeper, Standing, steps_to_learn
from robot_rl.learn.online.learner import Learner
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.remote import rows
from robot_rl.learn.online.remote.worker import Worker
from robot_rl.learn.online.replay import ReplayError
from robot_rl.learn.online.store import Store

log = logging.getLogger(__name__)

PARAMETERS = "parameters"
"""The thread of an actor that takes parameters, beside the one that acts."""


class ClusterSession:
    """A session with `actors` robots in simulation, each a Ray actor.

    Args:
        directory: the session's folder, which every machine sees under this name.

    Raises:
        TrainingError, ReplayError: as `Learner` and `Store` raise them.
        MissingExtraError: Ray is not installed.
    """

    def __init__(
        self,
        recipe: Recipe,
        directory: Path,
        demonstrations: Iterable[Episode] = (),
        actors: int = 2,
        *,
        accept_changes: bool = False,
    ) -> None:
        require("cluster")
        ray: Any = importlib.import_module("ray")
        self._ray, self.recipe, self.config, self.directory = ray, recipe, recipe.online, directory
        setup = hardware_config.load(recipe.robot, recipe.control_mode or None)
        pictures = {n: (c.height, c.width) for n, c in setup.select_cameras(recipe.cameras).items()}
        self.learner = Learner(
            self.config, setup.spec, load_base(self.config, directory, setup.spec, setup.cameras), pictures
        )
        self._rate = setup.spec.rate
        facts = deployed.describe(self.config, setup.spec, pictures)
        self._keeper = Keeper(Store(directory, self.learner, accept_changes=accept_changes), facts)
        self._found = found = self._keeper.restore() if self._keeper.exists else Standing()
        """Marks and exploration in it are of sittings without a cluster, and stay as they are."""
        self.tally, self.curve, self.figures = found.tally, found.curve, found.figures
        self.owed = found.owed
        """Robot steps that have not been learnt from."""
        self.recovered = 0
        """Episodes that had been recorded and not saved when the session was cut off."""
        self._begin(demonstrations)
        self._next = 0
        self._running: dict[Any, int] = {}
        self._started = not ray.is_initialized()
        if self._started:
            ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        self._make = ray.remote(concurrency_groups={PARAMETERS: 1})(Worker)
        self._deaths = 0
        self._workers = [self._worker(i) for i in range(actors)]

    @property
    def updates(self) -> int:
        """Critic updates so far."""
        return self.learner.improver.updates

    def run(
        self,
        *,
        stop: Callable[[], bool] = lambda: False,
        on_episode: Callable[[bool], None] = lambda success: None,
        on_point: Callable[[Point], None] = lambda point: None,
    ) -> list[Point]:
        """Act and learn until `config.steps`; returns the evaluations."""
        next_time = time.monotonic()
        while self.tally.robot_steps < self.config.steps and not stop():
            self._submit()
            done, _ = self._ray.wait(list(self._running), timeout=0 if self.owed else 0.05)
            for future in done:
                on_episode(self._take(future))
            if due(self.config, self.tally.robot_steps, self.curve):
                self._catch_up()
                on_point(self._evaluate())
            if self.owed:
                self._update()
            if time.monotonic() >= next_time:
                next_time = time.monotonic() + self.recipe.remote.period
                self._publish()
        return self.curve

    def close(self) -> None:
        """End the actors; episodes under way are left out."""
        for worker in self._workers:
            self._ray.kill(worker)
        if self._started:
            self._ray.shutdown()

    def _begin(self, demonstrations: Iterable[Episode]) -> None:
        self.learner.add(demonstrations)
        if not self._keeper.exists:
            self.learner.begin()
        for path in sorted(self.directory.glob(f"{EPISODES}-*")):
            self._recover(path)
        self._save()

    def _worker(self, index: int) -> Any:
        worker = self._make.remote(self.recipe.to_dict(), str(self.directory.absolute()), index)
        self._send(worker, self._parameters())
        return worker

    def _send(self, worker: Any, parameters: Any) -> None:
        """In a thread of their own, so that they reach an episode under way."""
        worker.set_parameters.options(concurrency_group=PARAMETERS).remote(parameters)

    def _submit(self) -> None:
        """Give every idle actor an episode; names go on from where the replay and the actors are."""
        busy = set(self._running.values())
        for index, worker in enumerate(self._workers):
            if index in busy:
                continue
            while self._name() in self.learner.replay:
                self._next += 1
            mode = "warmup" if self.tally.robot_steps < self.config.warmup else "sample"
            name, number, self._next = self._name(), self._next, self._next + 1
            seed, alone = self.config.episode_seed(number), self.config.alone(number)
            self._running[worker.episode.remote(name, seed, mode, alone)] = index

    def _name(self) -> str:
        """Of the next episode; unlike those of a session without a cluster, which may go on with this one."""
        return f"cluster-{self.config.seed}-{self._next}"

    def _take(self, future: Any) -> bool:
        """An episode into the replay, once; returns whether it succeeded. An actor that has died is replaced."""
        index = self._running.pop(future)
        try:
            message: Mapping[str, Any] = self._ray.get(future)
        except self._ray.exceptions.RayTaskError as error:
            raise TrainingError(f"actor {index}: {error.cause}") from error
        except self._ray.exceptions.RayActorError as error:
            self._replace(index, error)
            return False
        if message["episode"] in self.learner.replay:
            return False
        before = self.tally.robot_steps
        steps = list(rows.decode(message["rows"])) if message["rows"] is not None else []
        for sent in steps:
            self.tally.step(sent.step.source)
        if message["row"] is None:
            self.tally.discard()
        else:
            self._learn_from(message, steps)
            self.tally.episode(message["success"])
        self._owe(before)
        self._save()
        return bool(message["success"])

    def _learn_from(self, message: Mapping[str, Any], steps: Iterable[rows.SentStep]) -> None:
        """A whole episode into the replay; one that it refuses (a number is not finite) is left out, and counts."""
        replay = self.learner.replay
        replay.begin(message["episode"])
        try:
            for sent in steps:
                replay.add(sent.row, sent.step, sent.index, sent.weight)
            replay.finish(message["row"], message["success"])
        except ReplayError as error:
            replay.drop()
            replay.leave_out(message["episode"])
            log.warning("nothing is learnt from an episode: %s", error)

    def _replace(self, index: int, error: Exception) -> None:
        """An actor has died: another takes its place, and what it had recorded is taken in. What it was given to do is
        void. Raises TrainingError when actors have died too often."""
        self._deaths += 1
        if self._deaths > self.recipe.remote.restarts:
            raise TrainingError(f"actors have died {self._deaths} times; the last: {error}") from error
        log.warning("actor %d has died and is replaced: %s", index, error)
        self._running = {future: i for future, i in self._running.items() if i != index}
        self._workers[index] = self._worker(index)
        self._recover(self.directory / f"{EPISODES}-{index}")
        self._save()

    def _owe(self, before: int) -> None:
        self.owed += steps_to_learn(before, self.tally.robot_steps, self.config.warmup)

    def _recover(self, path: Path) -> None:
        """Take in what an actor that is gone recorded in its data set, and the session has not learnt from."""
        recorded = Dataset.open(path) if (path / "zarr.json").is_file() else ()
        for episode in self.learner.recover(recorded, log.warning):
            before = self.tally.robot_steps
            self.tally.recover(episode)
            self._owe(before)
            self.recovered += 1

    def _update(self) -> None:
        self.figures |= self.learner.update()
        self.owed -= 1

    def _catch_up(self) -> None:
        while self.owed:
            self._update()
        self._publish()

    def _parameters(self) -> Any:
        state = self.learner.agent.state_dict()
        return self._ray.put({name: value.detach().cpu().numpy() for name, value in state.items()})

    def _publish(self) -> None:
        parameters = self._parameters()
        for worker in self._workers:
            self._send(worker, parameters)

    def _evaluate(self) -> Point:
        """The held-out states, shared among the actors once each has ended its episode."""
        seeds, n, parameters = self.config.evaluation_seeds, len(self._workers), self._parameters()

        def share(index: int) -> Any:
            return self._workers[index].evaluate.remote(seeds[index::n], parameters)

        shares = {i: share(i) for i in range(min(n, len(seeds)))}
        results: list[tuple[bool, int]] = []
        while shares:
            index, future = next(iter(shares.items()))
            try:
                results += self._ray.get(future)
                del shares[index]
            except self._ray.exceptions.RayTaskError as error:
                raise TrainingError(f"actor {index}: {error.cause}") from error
            except self._ray.exceptions.RayActorError as error:
                self._replace(index, error)
                shares[index] = share(index)
        self.curve.append(make_point(self.tally, results, self._rate, self.updates, self.figures))
        self._save(evaluated=True)
        return self.curve[-1]

    def _save(self, *, evaluated: bool = False) -> None:
        """Args: evaluated: the newest point of the curve is new, and of the agent as it is."""
        standing = replace(self._found, tally=self.tally, curve=self.curve, figures=self.figures, owed=self.owed)
        self._keeper.save(standing, self.learner.agent.state_dict() if evaluated else None)
