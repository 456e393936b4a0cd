"""The result of a session as a policy: `agent.json` and its weights, with the frozen base beside them in `base/`.

It is deployed and evaluated like any checkpoint. Played through its own executor it acts as it did while it learnt: a
base plays its chunks, and they are void after a step that somebody else took.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.acting import AgentExecutor, SilentBaseError, consider
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.folder import load_base, release
from robot_rl.learn.online.improvers.improver import Agent
from robot_rl.learn.online.learner import make_improver, make_observer
from robot_rl.learn.online.observe import Pictures, Values
from robot_rl.policies import checkpoint, storage
from robot_rl.policies.checkpoint import CheckpointError
from robot_rl.policies.execution import ExecutionCounts
from robot_rl.policies.policy import Policy
from robot_rl.spec import Field, Layout, Spec

FORMAT = "robot_rl.agent"
VERSION = 1
NAME = "agent"


class AgentPolicy:
    """An agent and what it needs to act; implements `Policy`, and brings its own executor.

    Args:
        base: the frozen policy, if the improver has one.
        pictures: height and width of each camera's pictures.
    """

    def __init__(
        self, config: OnlineConfig, spec: Spec, base: Policy | None = None, pictures: Pictures | None = None
    ) -> None:
        self.config, self.spec, self.pictures, self.base = config, spec, dict(pictures or {}), base
        self.device = checkpoint.torch_device(config.device)
        self.observer = make_observer(config, spec, base, self.pictures)
        self.agent: Agent = make_improver(config, spec, self.observer, base).agent.eval()
        self.observation_names = self.observer.needed
        known = {f.name: f for f in spec.observation.vectors}
        shapes = {n: Field(n, (h, w, 3), kind="image", dtype="uint8") for n, (h, w) in self.pictures.items()}
        self.inputs = Layout(tuple({**shapes, **known}[n] for n in self.observation_names))
        self.n_obs = base.n_obs if base is not None else 1
        self._generator = Generator(self.device).manual_seed(config.seed)
        self.horizon = self.n_action_steps = 1

    @torch.no_grad()
    def predict(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """The answer (k, A) to a history (n_obs, *shape) of each field, without memory of what was asked before."""
        self.observer.reset(None)
        for t in range(self.n_obs):
            row = self.observer.row({n: observation[n][t] for n in self.observation_names})
            self.observer.interrupt()
        if row is None:
            raise TrainingError("the base policy does not answer")
        seen = self.observer.observation(self.device)
        for name, value in consider(self.agent, self.observer, self.device, self._generator).items():
            seen[name] = torch.from_numpy(value).to(self.device)[None]
        answer = self.agent.respond(seen, "mode", self._generator)
        out: NDArray[np.float64] = self.agent.scale.to_physical(answer.actions[0]).double().cpu().numpy()
        return out

    def reset(self, seed: int | None = None) -> None:
        """A new episode: nothing is remembered here."""

    def make_executor(self) -> DeployedPlayer:
        """What plays the agent as it acted while it learnt."""
        return DeployedPlayer(self)

    def close(self) -> None:
        """End the connection to a base that is served."""
        release(self.base)


class AgentPlayer(AgentExecutor):
    """Plays the agent of a session's folder; implements `policies.execution.Executor`."""

    def __init__(self, policy: AgentPolicy) -> None:
        super().__init__(policy.agent, policy.observer, policy.device, policy.config.seed)
        self.policy: Policy = policy
        self.counts = ExecutionCounts()
        self.mode = "mode"
        self.rows = deque(maxlen=1)
        """The newest row; nobody takes them out."""

    def act(self, values: Values) -> NDArray[np.float64]:
        """The action (A,) in physical units."""
        self.counts.chunks += not self._plan
        return super().act(values)

    def close(self) -> None:
        """Nothing to release."""


class DeployedPlayer(AgentPlayer):
    """Plays an agent outside its session: an episode depends on its own seed alone, and while a served base does not
    answer the robot holds still."""

    def reset(self, seed: int | None = None) -> None:
        """A new episode; a seed makes the agent's samples reproducible."""
        if seed is not None:
            self.generator.manual_seed(seed)
        super().reset(seed)

    def act(self, values: Values) -> NDArray[np.float64] | None:  # type: ignore[override]
        """The action (A,) in physical units; None while the base does not answer."""
        try:
            return super().act(values)
        except SilentBaseError:
            self.counts.held += 1
            self.counts.failures += 1
            self._plan.clear()
            return None

    def observe(self, values: Values) -> None:
        """A step in which somebody else acts; goes unseen while the base does not answer."""
        try:
            super().observe(values)
        except SilentBaseError:
            self.counts.failures += 1
            self.interrupt()


def save(directory: Path, agent: Agent, document: Mapping[str, Any]) -> None:
    """Write `agent.json`, as `describe` made it, and the weights."""
    storage.write(directory, NAME, agent.state_dict(), document)


def describe(config: OnlineConfig, spec: Spec, pictures: Pictures) -> dict[str, Any]:
    """What `agent.json` says, but for `training`: how the weights came about."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "spec": spec.to_dict(),
        "config": config.to_dict(),
        "pictures": {n: list(size) for n, size in pictures.items()},
        "dataset": {},
        "provenance": checkpoint.provenance(),
    }


def load(directory: Path, device: str = "cpu") -> AgentPolicy:
    """The agent saved in `directory`, ready to act. Raises CheckpointError."""
    try:
        document, tensors = storage.read(directory, NAME)
        if document.get("format") != FORMAT or document.get("version") != VERSION:
            raise CheckpointError(
                f"{directory}: format {document.get('format')!r}, version {document.get('version')}; only "
                f"'{FORMAT}', version {VERSION} is read"
            )
        config = OnlineConfig.from_dict({**document["config"], "device": device})
        spec = Spec.from_dict(document["spec"])
        base = load_base(config, directory, spec)
        pictures = {n: (int(h), int(w)) for n, (h, w) in document["pictures"].items()}
        policy = AgentPolicy(config, spec, base, pictures)
        policy.agent.load_state_dict(tensors)
    except (storage.StorageError, TrainingError, KeyError, TypeError, RuntimeError, ValueError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"{directory}: this agent cannot be used: {error}") from error
    return policy
