"""An actor on another machine: plays whole episodes, records them, and gives their rows back."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.record import Step
from robot_rl.hardware import config as hardware_config
from robot_rl.learn.online.acting import AgentExecutor, RowRecorder
from robot_rl.learn.online.episodes import held_out
from robot_rl.learn.online.folder import EPISODES, load_base, release
from robot_rl.learn.online.learner import EPISODE_ID, make_improver, make_observer
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.remote import rows
from robot_rl.learn.online.tee import Tee
from robot_rl.learn.online.workcell import recipe_workcell
from robot_rl.policies.checkpoint import torch_device
from robot_rl.runtime.recorder import Recorder


class Worker:
    """A robot and an agent; parameters may come from another thread at any time.

    Args:
        recipe: as `Recipe.to_dict` has it.
        directory: the session's folder, which every machine sees under this name.
        index: of this worker; its episodes go to the data set `episodes-<index>`.
    """

    def __init__(self, recipe: Mapping[str, Any], directory: str, index: int) -> None:
        torch.set_num_threads(1)
        plan, folder = Recipe.from_dict(recipe), Path(directory)
        config, mode = plan.online, plan.control_mode or None
        setup = hardware_config.load(plan.robot, mode)
        cameras = setup.select_cameras(plan.cameras)
        self._stack = ExitStack()
        base = load_base(config, folder, setup.spec, setup.cameras)
        self._stack.callback(release, base)
        self._cell = self._stack.enter_context(recipe_workcell(plan))
        path = folder / f"{EPISODES}-{index}"
        dataset = self._stack.enter_context(Dataset.open_or_create(path, setup.spec, cameras))
        observer = make_observer(config, setup.spec, base, self._cell.pictures)
        agent = make_improver(config, setup.spec, observer, base).agent
        self._executor = AgentExecutor(agent, observer, torch_device(config.device), 1000 * (config.seed + 1) + index)
        self._weights = agent.state_dict()
        self._fresh: dict[str, Tensor] = {}
        self._lock = threading.Lock()
        self._rows = Collector()
        recorder = RowRecorder(self._rows, self._executor, self._take, human_weight=config.human_weight)
        self._sink = Tee([Recorder(dataset), recorder])

    def set_parameters(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Parameters for the next step on, also of an episode under way."""
        with self._lock:
            self._fresh |= {name: torch.from_numpy(value.copy()) for name, value in tensors.items()}

    def episode(self, name: str, seed: int, mode: str, alone: bool) -> dict[str, Any]:
        """One episode, in which the robot may be left `alone`: its rows as messages, its final row (None when
        discarded), and whether it succeeded."""
        self._cell.leave(alone)
        self._executor.mode = mode  # type: ignore[assignment]
        self._rows.clear()
        result = self._cell.run(self._executor, seed, "deployment", self._sink, **{EPISODE_ID: name})
        steps = self._rows.steps
        return {
            "episode": name,
            "rows": rows.encode(steps) if steps else None,
            "row": self._rows.last,
            "success": result.success,
        }

    def evaluate(self, seeds: Sequence[int], tensors: Mapping[str, NDArray[Any]]) -> list[tuple[bool, int]]:
        """Success and steps of the mean action from each held-out state, with these parameters."""
        self.set_parameters(tensors)
        self._take()
        return held_out(self._cell, self._executor, seeds)

    def close(self) -> None:
        """Release robot and data set."""
        self._stack.close()

    def _take(self, step: Step | None = None) -> None:
        """Put parameters that have come into the agent."""
        with self._lock:
            fresh, self._fresh = self._fresh, {}
        with torch.no_grad():
            for name, value in fresh.items():
                self._weights[name].copy_(value)


class Collector:
    """Keeps an episode's rows; implements RowSink."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget the episode before."""
        self.steps: list[rows.SentStep] = []
        self.last: dict[str, Any] | None = None

    def begin(self, episode_id: str) -> bool:
        self.clear()
        return True

    def add(self, observation: Mapping[str, NDArray[Any]], step: Step, index: int, weight: float = 1.0) -> None:
        self.steps.append(rows.SentStep(dict(observation), step, index, weight))

    def finish(self, observation: Mapping[str, NDArray[Any]], success: bool | None) -> None:
        self.last = dict(observation)

    def drop(self) -> None:
        self.last = None
