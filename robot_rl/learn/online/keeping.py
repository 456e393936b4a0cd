"""A session is kept: how far it has come, the agent to deploy, and the curve; alike for every kind of session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online import deployed
from robot_rl.learn.online.best import keep_best
from robot_rl.learn.online.curve import Point, write_curve
from robot_rl.learn.online.relabelling import Labels
from robot_rl.learn.online.store import Store
from robot_rl.learn.online.tally import Tally


@dataclass
class Standing:
    """How far a session has come, beside what its learner knows."""

    tally: Tally = field(default_factory=Tally)
    curve: list[Point] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    """Of the newest update."""
    owed: int = 0
    """Robot steps that have not been learnt from."""
    labels: Labels = field(default_factory=dict)
    """What has been said of its episodes afterwards, as far as it is learnt from."""
    exploration: Tensor | None = None
    """State of the actor's generator; None before it has drawn anything that counts."""


class Keeper:
    """Writes a session into its folder, and finds it again.

    Args:
        facts: what `deployed.describe` says.
    """

    def __init__(self, store: Store, facts: Mapping[str, Any]) -> None:
        self._store, self._facts = store, facts

    @property
    def exists(self) -> bool:
        """A session lies there."""
        return self._store.exists

    def save(self, standing: Standing, evaluated: Mapping[str, Tensor] | None = None) -> None:
        """Write everything that decides how the session goes on, the agent to deploy, that of the best evaluation, and
        `curve.json`.

        Args:
            evaluated: the agent's tensors that the newest evaluation was of; None where there is none that is new, or
                they are not known.

        Raises:
            TrainingError: the disk failed or is full; the session saved before is as it was.
            ReplayError: in the middle of an episode.
        """
        document = {
            "tally": standing.tally.to_dict(),
            "figures": standing.figures,
            "curve": [asdict(p) for p in standing.curve],
            "owed": standing.owed,
            "labels": standing.labels,
        }
        directory, learner = self._store.directory, self._store.learner
        if evaluated is not None:
            keep_best(directory, evaluated, self._facts, standing.curve)
        self._store.save({} if standing.exploration is None else {"exploration": standing.exploration}, document)
        training = {"robot_steps": standing.tally.robot_steps, "updates": learner.improver.updates}
        deployed.save(directory, learner.agent, {**self._facts, "training": training})
        write_curve(directory, standing.curve)

    def restore(self) -> Standing:
        """Bring the learner to where the session stood; returns the rest.

        Raises:
            TrainingError: it cannot be continued, or not with this configuration: each difference is named.
        """
        tensors, document = self._store.restore()
        try:
            return Standing(
                Tally.from_dict(document["tally"]),
                [Point(**p) for p in document["curve"]],
                document["figures"],
                int(document.get("owed", 0)),
                document.get("labels", {}),
                tensors.get("exploration"),
            )
        except (KeyError, TypeError) as error:
            raise TrainingError(f"{self._store.directory}: this session cannot be continued: {error!r}") from error


def steps_to_learn(before: int, after: int, warmup: int) -> int:
    """How many of the robot steps from the count `before` to `after` are learnt from: those after the warm-up."""
    return max(after - max(before, warmup), 0)
