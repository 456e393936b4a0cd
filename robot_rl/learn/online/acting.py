"""The learner's side of the control loop: gives actions as an executor, takes steps as a recorder."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Generator

from robot_rl.datasets.record import Source, Step
from robot_rl.hardware.robot import Reading
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.actor import StateActor
from robot_rl.learn.online.observe import Observer, Row, Values
from robot_rl.learn.online.replay import Replay
from robot_rl.runtime.recorder import Recorder

Mode = Literal["uniform", "sample", "mode"]
"""How the network's output is chosen: uniformly at random (warm-up), as the policy samples, or its mean."""


class ActorExecutor:
    """Plays an actor one control step at a time; implements the loop's Executor.

    Args:
        seed: of exploration.
    """

    def __init__(self, actor: StateActor, observer: Observer, device: torch.device, seed: int) -> None:
        self.actor, self.observer, self.device = actor, observer, device
        self.generator = Generator(device).manual_seed(seed)
        self.mode: Mode = "uniform"
        self.rows: deque[Row] = deque()
        """The rows of the steps taken since the reset, until somebody takes them out."""

    def reset(self, seed: int | None = None) -> None:
        """A new episode."""
        self.rows.clear()
        self.observer.reset(seed)

    @torch.no_grad()
    def act(self, values: Values) -> NDArray[np.float64]:
        """The action (A,) in physical units."""
        row = self._note(values)
        observation = {n: torch.from_numpy(v).to(self.device)[None] for n, v in row.items()}
        if self.mode == "mode":
            unit = self.actor.mode(observation)
        elif self.mode == "sample":
            unit = self.actor.sample(observation, self.generator)[0]
        else:
            size = self.actor.scale.to_unit(torch.zeros(1, device=self.device)).shape[-1]
            raw = 2 * torch.rand((1, size), generator=self.generator, device=self.device) - 1
            unit = self.actor.combine(observation, raw)
        return self.actor.scale.to_physical(unit)[0].double().cpu().numpy()

    def observe(self, values: Values) -> None:
        """A step in which somebody else acts. The base is asked afresh, for its action is part of the row."""
        self._note(values)
        self.observer.interrupt()

    def interrupt(self) -> None:
        """The action just given was not carried out."""
        self.observer.interrupt()

    def _note(self, values: Values) -> Row:
        row = self.observer.row(values)
        if row is None:
            raise TrainingError("the base policy does not answer: an online session cannot go on without it")
        self.rows.append(row)
        return row


class ReplayRecorder(Recorder):
    """Takes the loop's steps into the replay instead of a data set.

    Args:
        executor: the one that the loop plays; its rows are the steps' observations.
        on_step: called after each step.
        human_weight: of steps in which a human acted.
    """

    def __init__(
        self,
        replay: Replay,
        executor: ActorExecutor,
        on_step: Callable[[Step], None],
        *,
        human_weight: float = 1.0,
    ) -> None:
        self.replay, self._executor, self._on_step, self._human_weight = replay, executor, on_step, human_weight
        self._newest: dict[str, NDArray[Any]] = {}
        self._index = 0

    def begin(self, **attributes: Any) -> None:
        """Begin an episode called `episode_id`. Raises TrainingError when the replay holds it already."""
        episode_id = str(attributes["episode_id"])
        if not self.replay.begin(episode_id):
            raise TrainingError(f"episode '{episode_id}' is in the replay already; give this session another seed")
        self._index = 0

    def sample(self, name: str, stamp: int, value: ArrayLike) -> None:
        self._newest[name] = np.array(value)

    def step(self, step: Step) -> None:
        weight = self._human_weight if step.source == Source.HUMAN else 1.0
        self.replay.add(self._executor.rows.popleft(), step, self._index, weight)
        self._index += 1
        self._on_step(step)

    def end(self, success: bool | None, **attributes: Any) -> int:
        """The episode is over; what was seen last is its final row. Returns the episode's count of steps."""
        rows = self._executor.rows
        if not rows:
            self._executor.observe(self._newest)
        self.replay.finish(rows.popleft())
        return self._index

    def discard(self) -> None:
        """Forget the episode, as its human asked, or since something failed."""
        self.replay.drop()

    def reading(self, reading: Reading) -> None:
        for name, value in reading.values.items():
            self.sample(name, reading.stamps[name], value)
