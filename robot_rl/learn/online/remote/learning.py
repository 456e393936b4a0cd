"""The learner's loop: rows come in, updates are made, parameters go out, the session is saved between episodes."""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robot_rl.datasets.episode import Episode
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.curve import Point
from robot_rl.learn.online.keeping import Keeper, Standing, steps_to_learn
from robot_rl.learn.online.learner import Learner, own_name
from robot_rl.learn.online.relabelling import Labels, take_up
from robot_rl.learn.online.remote import rows
from robot_rl.learn.online.remote.config import RemoteConfig
from robot_rl.learn.online.remote.publishing import Publisher
from robot_rl.learn.online.remote.server import GONE, HELLO, ActorServer
from robot_rl.learn.online.replay import ReplayError
from robot_rl.learn.online.store import Store
from robot_rl.learn.online.tally import Tally

log = logging.getLogger(__name__)

IDLE = 0.05
"""Longest wait for a message when there is nothing to learn [s]."""
CLOCK = 3600.0
"""A step that began longer ago [s] is not of the system's clock but of a simulation's."""


class Learning:
    """A learner that an actor elsewhere feeds.

    The unit that counts is the episode: its rows are learnt from as they come; with its end the session is saved. An
    episode whose rows did not all come, for whatever reason, is taken from the data set.

    Args:
        facts: what `deployed.describe` says.
        recorded: the session's data set as it is now, from the actor's recorder.
        on_saved: called whenever the session has been saved.
    """

    def __init__(
        self,
        learner: Learner,
        store: Store,
        remote: RemoteConfig,
        facts: Mapping[str, Any],
        recorded: Callable[[], Iterable[Episode]] = tuple,
        *,
        on_saved: Callable[[Learning], None] = lambda learning: None,
    ) -> None:
        self.learner, self.remote = learner, remote
        self.tally = Tally()
        self.curve: list[Point] = []
        self.figures: dict[str, float] = {}
        self.actor: dict[str, float] = {}
        """Figures of the actor's end of the connection, at the end of its newest episode."""
        self.owed = 0
        """Robot steps that came in and have not been learnt from."""
        self.recovered = 0
        """Episodes whose rows did not come, or not all: they were taken from the data set."""
        self._keeper, self._publisher = Keeper(store, facts), Publisher(learner.agent)
        self._recorded, self._on_saved = recorded, on_saved
        self._exploration: Tensor | None = None
        self._labels: Labels = {}
        self._steps = 0
        self._ages: list[float] = []
        """Of the episode's rows when they came [s]."""
        self._whole = False
        self._owing = ("", 0)
        """The episode begun last, and how many of its steps are among those owed, or have been."""
        self._evaluated: tuple[int, Mapping[str, Tensor] | None] = (0, None)
        """What the actor evaluates: the agent after so many updates, and its tensors where they are known."""
        self._handlers: dict[str, Callable[[dict[str, Any]], None]] = {
            HELLO: lambda message: self._take_stock(),
            GONE: lambda message: self._drop(),
            "begin": self._begin,
            "rows": self._rows,
            "finish": self._finish,
            "fetch": self._fetch,
            "drop": self._discarded,
            "evaluating": self._evaluating,
            "point": self._point,
            "relabelled": self._relabelled,
        }
        self.status: Mapping[str, Any] = {"kind": "status"}

    def prepare(self, demonstrations: Iterable[Episode]) -> None:
        """Restore the session, or begin it: whatever comes before the first robot step.

        Raises:
            TrainingError, ReplayError: as `Learner` and `Store` raise them.
        """
        resumed = self._keeper.exists
        if resumed:
            self._restore()
        self.learner.add(demonstrations)
        if not resumed:
            self.learner.begin()
        self._take_stock()

    def run(self, server: ActorServer, stopped: Callable[[], bool] = lambda: False) -> None:
        """Learn until the actor says stop.

        Raises:
            TrainingError: learning diverges again and again, or the disk is full; the actor is told.
        """
        try:
            self._run(server, stopped)
        except (TrainingError, ReplayError) as error:
            server.send({"kind": "failed", "message": str(error)})
            raise

    def _run(self, server: ActorServer, stopped: Callable[[], bool]) -> None:
        next_time = time.monotonic() + self.remote.period
        nothing_new = False
        while not stopped():
            learning = self._may_learn()
            message = self._next(server.inbox, wait=not learning or (nothing_new and not self.owed))
            if message is not None:
                if message["kind"] == "stop":
                    self._drop()
                    self._save()
                    return
                self._handle(message, server)
                continue
            if learning:
                figures = self.learner.update()
                nothing_new = not figures  # an improver may wait for more steps
                self.figures |= figures
                self.owed = max(self.owed - 1, 0)
            if time.monotonic() >= next_time:
                next_time = time.monotonic() + self.remote.period
                self._publish(server)
        while (message := self._next(server.inbox, wait=False)) is not None:
            if message["kind"] != "stop":
                self._handle(message, server)
        self._drop()
        self._recover()
        self._save()

    def _next(self, inbox: queue.Queue[dict[str, Any]], *, wait: bool) -> dict[str, Any] | None:
        try:
            return inbox.get(timeout=IDLE) if wait else inbox.get_nowait()
        except queue.Empty:
            return None

    def _may_learn(self) -> bool:
        started = self.tally.robot_steps + self._steps > self.learner.config.warmup
        return len(self.learner.replay) > 0 and (self.owed > 0 or (self.remote.free and started))

    def _handle(self, message: dict[str, Any], server: ActorServer) -> None:
        if message["kind"] not in self._handlers:
            log.warning("the actor sent a message of kind %r, which is not known", message["kind"])
            return
        try:
            self._handlers[message["kind"]](message)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            log.warning("'%s' cannot be used (%r): the episode is taken from the data set", message["kind"], error)
            self._whole = False
        if message["kind"] == HELLO:
            server.send(self._hello())
            self._publish(server, whole=True)

    def _take_stock(self) -> None:
        """What has been recorded, and what is said of it, while nobody told this learner; the session is saved."""
        self._drop()
        self._recover()
        self._take_up()
        self._save()

    def _hello(self) -> dict[str, Any]:
        return {
            "kind": HELLO,
            "tally": self.tally.to_dict(),
            "curve": [asdict(p) for p in self.curve],
            "figures": dict(self.figures),
            "recovered": self.recovered,
            "updates": self.learner.improver.updates,
            "exploration": None if self._exploration is None else self._exploration.numpy(),
        }

    def _begin(self, message: dict[str, Any]) -> None:
        self._drop()
        self._owing = (str(message["episode"]), 0)
        self._whole = self.learner.replay.begin(self._owing[0])
        self._ages.clear()

    def _rows(self, message: dict[str, Any]) -> None:
        if not self._whole:
            return
        for sent in rows.decode(message):
            self.learner.replay.add(sent.row, sent.step, sent.index, sent.weight)
            self._count()
            self._ages.append((time.time_ns() - sent.step.stamp) * 1e-9)

    def _finish(self, message: dict[str, Any]) -> None:
        if not self._whole:
            self._fetch(message)
            return
        self.learner.replay.finish(message["row"], message["success"])
        if self._ages and 0.0 <= self._ages[0] < CLOCK:
            self.figures["row_seconds"] = float(np.median(self._ages))
        self._note(message)

    def _fetch(self, message: dict[str, Any]) -> None:
        """Some rows of an episode never came: the data set has them."""
        self._drop()
        self._recover()
        self._note(message)

    def _discarded(self, message: dict[str, Any]) -> None:
        self._drop()
        self._note(message)

    def _evaluating(self, message: dict[str, Any]) -> None:
        """An evaluation begins; this learner goes on meanwhile."""
        updates = int(message["updates"])
        self._evaluated = (updates, self._publisher.sent(updates))

    def _point(self, message: dict[str, Any]) -> None:
        """An evaluation is over."""
        updates, agent = self._evaluated
        if agent is None or updates != message["curve"][-1]["updates"]:
            log.warning("the agent that was evaluated is not known here any more: best/ stays as it was")
            agent = None
        self._note(message, agent)

    def _note(self, message: dict[str, Any], evaluated: Mapping[str, Tensor] | None = None) -> None:
        """What the actor says of itself at the end of an episode or evaluation; the session is saved."""
        self.tally, self.curve = Tally.from_dict(message["tally"]), [Point(**p) for p in message["curve"]]
        self._exploration = torch.from_numpy(np.array(message["exploration"]))
        self.actor = dict(message.get("actor", {}))
        self._steps, self._whole = 0, False
        self._save(evaluated)

    def _drop(self) -> None:
        self.learner.replay.drop()
        self._steps, self._whole = 0, False

    def _count(self) -> None:
        """A step of the episode under way has come in."""
        before = self.tally.robot_steps + self._steps
        self._steps += 1
        owed = steps_to_learn(before, before + 1, self.learner.config.warmup)
        self.owed += owed
        self._owing = (self._owing[0], self._owing[1] + owed)

    def _recover(self) -> None:
        """Take in what was recorded and is not in the replay; it is counted once, with those of its steps that had come
        in."""
        for episode in self.learner.recover(self._recorded(), log.warning):
            before = self.tally.robot_steps
            self.tally.recover(episode)
            owed = steps_to_learn(before, self.tally.robot_steps, self.learner.config.warmup)
            had = self._owing[1] if own_name(episode) == self._owing[0] else 0
            self.owed += max(owed - had, 0)
            self.recovered += 1

    def _relabelled(self, message: dict[str, Any]) -> None:
        """Something else is said now of an episode. Between two of them the actor's own counts are taken over, and the
        session is saved."""
        self._take_up()
        if self.learner.replay.current is None:
            self.tally = Tally.from_dict(message["tally"])
            self._save()

    def _take_up(self) -> None:
        """Learn from now on, and count, what is said now of recorded episodes."""
        for rejudged in take_up(self.learner.replay, self._recorded(), self._labels):
            self.tally.rejudge(*rejudged)

    def _publish(self, server: ActorServer, *, whole: bool = False) -> None:
        """Send those of the agent's tensors that have changed since the last time, or all."""
        changed = self._publisher.changed(whole=whole)
        updates = self.learner.improver.updates
        self.status = {
            "kind": "status",
            "updates": updates,
            "lag": self.owed,
            "rollbacks": self.learner.guard.rollbacks,
            "waiting": server.inbox.qsize(),
            "transitions": len(self.learner.replay),
            "current": not changed,  # what the agent has been sent is what it would be sent now
            "robot_steps": self.tally.robot_steps + self._steps,
            "episodes": self.tally.episodes,
            "figures": dict(self.figures),
        }
        self._publisher.send(changed, updates, server.send)
        server.send(self.status)

    def _save(self, evaluated: Mapping[str, Tensor] | None = None) -> None:
        standing = Standing(self.tally, self.curve, self.figures, self.owed, self._labels, self._exploration)
        self._keeper.save(standing, evaluated)
        self._on_saved(self)

    def _restore(self) -> None:
        found = self._keeper.restore()
        self.tally, self.curve, self.figures = found.tally, found.curve, found.figures
        self.owed, self._labels, self._exploration = found.owed, found.labels, found.exploration
