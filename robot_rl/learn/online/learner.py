"""What learns: the replay and an improver. No robot; rows come in, the agent's weights go out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from robot_rl.datasets.episode import Episode
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online import checkpoint
from robot_rl.learn.online.acting import consider, no_notes, note_fields
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.demonstrations import add_episodes, fitting
from robot_rl.learn.online.guard import Guard
from robot_rl.learn.online.improvers.improver import Agent, Improver, Parts
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.observe import Observer, Pictures, Row
from robot_rl.learn.online.replay import NothingToDrawError, Replay, ReplayError
from robot_rl.learn.online.sampling import Sampling
from robot_rl.learn.online.shaping import Shaping
from robot_rl.policies.checkpoint import torch_device
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.policy import Policy
from robot_rl.spec import Spec

EPISODE_ID = "episode_id"
"""The attribute of a session's own episodes that replay and data set share."""


class Learner:
    """An improver over the replay that feeds it.

    Args:
        base: the frozen policy, if the improver wants one.
        cameras: height and width of the robot's pictures, for configurations that look at them.

    Raises:
        TrainingError: the parts do not fit together.
    """

    def __init__(
        self, config: OnlineConfig, spec: Spec, base: Policy | None = None, cameras: Pictures | None = None
    ) -> None:
        self.config, self.spec, self.device = config, spec, torch_device(config.device)
        self.observer = make_observer(config, spec, base, cameras)
        self.shaping = Shaping(config.shaping, self.observer.layout) if config.shaping is not None else None
        self.improver = make_improver(config, spec, self.observer, base, self.shaping)
        self.guard = Guard(config.guard, self.improver)
        sources = {source for source, _ in self.observer.histories.values()}
        rows = {n: f for n, f in self.observer.rows.items() if n in sources or n not in self.agent.spared}
        rows |= note_fields(self.agent)
        self.replay = Replay(config.capacity, rows, spec.action.size, self.improver.span, self.observer.histories)
        self.rng = np.random.default_rng(config.seed)

    @property
    def agent(self) -> Agent:
        return self.improver.agent

    @torch.no_grad()
    def add(self, episodes: Iterable[Episode]) -> int:
        """Take those recorded episodes that the replay does not hold yet; returns how many.

        Raises:
            ReplayError, TrainingError: as `demonstrations.fitting`, `demonstrations.add_episodes` and `Shaping.fit`.
        """
        episodes = fitting(episodes, self.spec, self.observer.needed, self.replay.ids)
        if self.shaping is not None and not self.shaping.fitted:
            episodes = list(episodes)
            self.shaping.fit(episodes)
        return self._add(episodes, lambda episode: str(episode.attributes["id"]))

    @torch.no_grad()
    def add_own(self, episodes: Iterable[Episode]) -> int:
        """The same for episodes that this session has recorded itself; see `own_name`."""
        return self._add(episodes, own_name)

    def recover(self, episodes: Iterable[Episode], say: Callable[[str], None]) -> list[Episode]:
        """Take those of a session's own episodes that it has not learnt from yet; returns them, oldest first.

        One that the replay refuses (a number is not finite) is left out for good, which is said: it happened all the
        same, and counts.

        Raises:
            TrainingError: the base policy was not available.
        """
        lost = unlearnt(episodes, self.replay)
        for episode in lost:
            try:
                self.add_own([episode])
            except ReplayError as error:
                self.replay.leave_out(own_name(episode))
                say(f"nothing is learnt from episode {episode.number}: {error}")
        return lost

    def _add(self, episodes: Iterable[Episode], name: Callable[[Episode], str]) -> int:
        generator = Generator(self.device).manual_seed(self.config.seed)

        def notes() -> Row:
            return consider(self.agent, self.observer, self.device, generator) | no_notes(self.agent)

        return add_episodes(self.replay, self.observer, episodes, notes, self.config.human_weight, name)

    def begin(self, progress: Callable[[float], None] = lambda share: None) -> None:
        """Whatever the improver does before the first robot step, once the demonstrations are there.

        Args:
            progress: called with the share that is done.
        """
        self.improver.begin(self.replay)
        share = 0.0
        while share < 1.0:
            share = self.improver.prepare(self.replay, self.rng)
            progress(share)

    def update(self) -> dict[str, float]:
        """One robot step's worth of learning; returns figures, none while there is nothing to learn from. What diverges
        is rolled back; see `guard`.

        Raises:
            TrainingError: it diverges again and again.
        """
        try:
            return self.guard.update(self.replay, self.rng)
        except NothingToDrawError:
            return {}

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that decides how learning goes on, but the replay's observations (see `journal`). Raises
        ReplayError in the middle of an episode."""
        tensors, improver = self.improver.state()
        rows, replay = checkpoint.replay_state(self.replay)
        document = {"improver": improver, "replay": replay, "rng": self.rng.bit_generator.state}
        document["guard"] = self.guard.state()
        if self.shaping is not None:
            document["shaping"] = self.shaping.state()
        return {f"improver.{k}": v for k, v in tensors.items()} | rows, document

    def restore(
        self,
        tensors: Mapping[str, Tensor],
        document: Mapping[str, Any],
        observation: Mapping[str, NDArray[Any]],
    ) -> None:
        """Take up what `state` and the journal gave. Raises KeyError, RuntimeError or ReplayError when it is of another
        learner."""
        self.improver.restore(checkpoint.under(tensors, "improver."), document["improver"])
        checkpoint.restore_replay(self.replay, tensors, document["replay"], observation)
        self.rng.bit_generator.state = document["rng"]
        self.guard.restore(document["guard"])
        if self.shaping is not None:
            self.shaping.restore(document["shaping"])


def own_name(episode: Episode) -> str:
    """What an episode that this session has recorded is called in its replay: as the actor called it, if it did."""
    return str(episode.attributes.get(EPISODE_ID, episode.attributes["id"]))


def unlearnt(episodes: Iterable[Episode], replay: Replay) -> list[Episode]:
    """Those of a session's own episodes that are to be learnt from and are not in its replay: no evaluations."""
    return [e for e in episodes if e.attributes.get("purpose") != "evaluation" and own_name(e) not in replay]


def make_observer(
    config: OnlineConfig, spec: Spec, base: Policy | None = None, cameras: Pictures | None = None
) -> Observer:
    """The observer of a session: the learner has one for demonstrations, the actor one for the robot."""
    use, kind = config.improver.base, config.improver.name
    if (use == "none") != (base is None):
        wanted = "takes no" if use == "none" else "needs a"
        raise TrainingError(f"improver '{kind}' {wanted} base policy")
    if use == "sampled" and not isinstance(base, ChunkPolicy):
        raise TrainingError(f"improver '{kind}' samples its base: it must be a checkpoint, not a policy server")
    played = base if use == "played" else None
    first = config.improver.first_action(spec.action) if isinstance(config.improver, RlpdConfig) else None
    return Observer(spec, config.observation, played, base if use == "sampled" else None, cameras, first)


def make_improver(
    config: OnlineConfig, spec: Spec, observer: Observer, base: Policy | None, shaping: Shaping | None = None
) -> Improver:
    """The improver with fresh weights; its agent is what acts. Raises TrainingError.

    Args:
        shaping: of its rewards, where it is to learn and not only to act.
    """
    sampled = base if isinstance(base, ChunkPolicy) and config.improver.base == "sampled" else None
    sampling = Sampling(config.demo_share, config.reward, shaping, config.help_cost)
    device = torch_device(config.device)
    out: Improver = config.improver.build(
        Parts(spec, observer.fields, sampling, device, config.seed, sampled, observer.poses)
    )
    return out
