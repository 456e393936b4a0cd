"""The actor of an online session: an agent as the loop's executor, and the loop's steps as rows for a learner."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Generator

from robot_rl.datasets.record import Source, Step
from robot_rl.hardware.robot import Reading
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.improvers.improver import Agent, Fields, Mode
from robot_rl.learn.online.observe import Observer, Row, Values
from robot_rl.learn.online.replay import CHUNK_STEP


class SilentBaseError(TrainingError):
    """The base policy does not answer."""


def note_fields(agent: Agent) -> Fields:
    """What an agent adds to the rows of an observer."""
    return {CHUNK_STEP: ((), "int16"), **agent.considered, **agent.notes}


def no_notes(agent: Agent) -> Row:
    """The notes of a step in which the agent did not act."""
    out: Row = {name: np.zeros(shape, dtype) for name, (shape, dtype) in agent.notes.items()}
    return out | {CHUNK_STEP: np.array(-1, np.int16)}


def consider(agent: Agent, observer: Observer, device: torch.device, generator: Generator) -> Row:
    """What the agent considers at the observer's newest row."""
    if not agent.considered:
        return {}
    found = agent.consider(observer.observation(device), generator)
    return {name: value[0].cpu().numpy() for name, value in found.items()}


class RowSink(Protocol):
    """Where rows go: the replay in this process, or a learner elsewhere."""

    def begin(self, episode_id: str) -> bool:
        """Begin an episode; False when it is known already."""
        ...

    def add(self, observation: Mapping[str, NDArray[Any]], step: Step, index: int, weight: float = 1.0) -> None: ...

    def finish(self, observation: Mapping[str, NDArray[Any]], success: bool | None) -> None:
        """The episode is over: what its last step led to, and how it ended; None when nobody said."""
        ...

    def drop(self) -> None:
        """Forget the episode begun; does nothing when there is none."""
        ...


class AgentExecutor:
    """Plays an agent one control step at a time; implements the loop's Executor.

    Args:
        seed: of exploration.
    """

    def __init__(self, agent: Agent, observer: Observer, device: torch.device, seed: int) -> None:
        self.agent, self.observer, self.device = agent, observer, device
        self.generator = Generator(device).manual_seed(seed)
        self.mode: Mode = "warmup"
        self.rows: deque[Row] = deque()
        """The rows of the steps taken since the reset, until somebody takes them out."""
        self._plan: deque[NDArray[np.float64]] = deque()
        self._notes: Row = {}
        self._played = 0

    def reset(self, seed: int | None = None) -> None:
        """A new episode."""
        self.rows.clear()
        self._plan.clear()
        self.observer.reset(seed)

    @torch.no_grad()
    def act(self, values: Values) -> NDArray[np.float64]:
        """The action (A,) in physical units."""
        row = self._observe(values)
        if not self._plan:
            self._ask({name: row[name] for name in self.agent.considered})
        self.rows.append({**row, **self._notes, CHUNK_STEP: np.array(self._played, np.int16)})
        self._played += 1
        action = self._plan.popleft()
        self.observer.follow(action)
        return action

    @torch.no_grad()
    def observe(self, values: Values) -> None:
        """A step in which somebody else acts. A played base is asked afresh, for its action is part of the row."""
        self.rows.append({**self._observe(values), **no_notes(self.agent)})
        self.interrupt()

    def interrupt(self) -> None:
        """The action just given was not carried out: what was planned is void."""
        if self.rows:
            self.rows[-1] |= no_notes(self.agent)
        self._plan.clear()
        self.observer.interrupt()

    def follow(self, executed: NDArray[np.float64]) -> None:
        """What the robot was really sent in this step (A,), whoever asked for it."""
        self.observer.follow(executed)

    def _ask(self, considered: Row) -> None:
        observation = self.observer.observation(self.device)
        for name, value in considered.items():
            observation[name] = torch.from_numpy(value).to(self.device)[None]
        answer = self.agent.respond(observation, self.mode, self.generator)
        actions = self.agent.scale.to_physical(answer.actions[0]).double().cpu().numpy()
        self._plan.extend(actions)
        self._notes = {name: note[0].cpu().numpy() for name, note in answer.notes.items()}
        self._played = 0

    def _observe(self, values: Values) -> Row:
        row = self.observer.row(values)
        if row is None:
            raise SilentBaseError("the base policy does not answer: an online session cannot go on without it")
        return row | consider(self.agent, self.observer, self.device, self.generator)


class RowRecorder:
    """Takes the loop's steps as rows to a learner; implements the loop's EpisodeSink.

    Args:
        executor: the one that the loop plays; its rows are the steps' observations.
        on_step: called after each step.
        human_weight: of steps in which a human acted.
    """

    def __init__(
        self,
        sink: RowSink,
        executor: AgentExecutor,
        on_step: Callable[[Step], None],
        *,
        human_weight: float = 1.0,
    ) -> None:
        self._sink, self._executor, self._on_step, self._human_weight = sink, executor, on_step, human_weight
        self._newest: dict[str, NDArray[Any]] = {}
        self._index = 0

    def begin(self, **attributes: Any) -> None:
        """Begin an episode called `episode_id`. Raises TrainingError when the learner has it already."""
        episode_id = str(attributes["episode_id"])
        if not self._sink.begin(episode_id):
            raise TrainingError(f"episode '{episode_id}' is in the replay already; give this session another seed")
        self._index = 0

    def sample(self, name: str, stamp: int, value: ArrayLike) -> None:
        self._newest[name] = np.array(value)

    def step(self, step: Step) -> None:
        weight = self._human_weight if step.source == Source.HUMAN else 1.0
        self._sink.add(self._executor.rows.popleft(), step, self._index, weight)
        self._index += 1
        self._on_step(step)

    def end(self, success: bool | None, **attributes: Any) -> int:
        """The episode is over; what was seen last is its final row. Returns the episode's count of steps."""
        rows = self._executor.rows
        if not rows:
            self._executor.observe(self._newest)
        self._sink.finish(rows.popleft(), success)
        return self._index

    def discard(self) -> None:
        """Forget the episode, as its human asked, or since something failed."""
        self._sink.drop()

    def reading(self, reading: Reading) -> None:
        for name, value in reading.values.items():
            self.sample(name, reading.stamps[name], value)
