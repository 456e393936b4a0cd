"""A session on disk, in one directory:

    session.json, session-<hash>.safetensors    everything that decides how it goes on, but for
    replay/                                      the replay's observations, appended (see `journal`)
    agent.json, agent-<hash>.safetensors, base/  what can be deployed (see `deployed`)
    episodes/                                    the data set of every online episode

session.json is replaced last, at once. Whoever is killed at whatever moment leaves a whole session behind.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.journal import RowJournal
from robot_rl.learn.online.learner import Learner
from robot_rl.learn.online.replay import ReplayError
from robot_rl.policies import storage

NAME = "session"
FREE = ("steps", "evaluate_every", "evaluation_seeds", "device", "guard")
"""Options that may change from one sitting to the next."""


class Store:
    """Keeps the session of `learner` in `directory`.

    Args:
        accept_changes: continue a session that was begun with another configuration.
    """

    def __init__(self, directory: Path, learner: Learner, *, accept_changes: bool = False) -> None:
        self.directory, self.learner, self._accept_changes = directory, learner, accept_changes
        rows = {n: (v.shape[1:], str(v.dtype)) for n, v in learner.replay.observation.items()}
        self._journal = RowJournal(directory / "replay", rows, learner.replay.capacity)
        for left in directory.glob(".*.[0-9]*") if directory.is_dir() else ():
            left.unlink()  # half-written by a process that is gone

    @property
    def exists(self) -> bool:
        """A session lies here."""
        return (self.directory / f"{NAME}.json").is_file()

    def save(self, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> None:
        """Write the learner, and what the actor adds of its own.

        Raises:
            TrainingError: the disk failed or is full; the session saved before is as it was.
            ReplayError: in the middle of an episode.
        """
        mine, learner = self.learner.state()
        try:
            learner["journal"] = self._journal.append(self.learner.replay.observation, learner["replay"]["count"])
            whole = {"config": plain(self.learner.config.to_dict()), "learner": learner, **document}
            storage.write(self.directory, NAME, {**mine, **tensors}, whole)
            self._journal.prune()
        except OSError as error:
            raise TrainingError(
                f"{self.directory}: the session cannot be saved: {error.strerror or error}. What was saved before is "
                "whole; free some space and continue with --resume"
            ) from error

    def restore(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Bring the learner to where the session stood; returns all that was saved.

        Raises:
            TrainingError: it cannot be continued, or not with this configuration: each difference is named.
        """
        try:
            document = storage.read_document(self.directory, NAME)
            self._compare(document["config"])
            tensors, learner = storage.read_tensors(self.directory, document), document["learner"]
            self.learner.restore(tensors, learner, self._journal.restore(learner["journal"]))
        except (storage.StorageError, ReplayError, KeyError, RuntimeError) as error:
            if isinstance(error, TrainingError):
                raise
            raise TrainingError(f"{self.directory}: this session cannot be continued: {error!r}") from error
        return tensors, document

    def _compare(self, theirs: Mapping[str, Any]) -> None:
        # options that were not known when the session was begun count with their defaults
        theirs = plain(OnlineConfig.from_dict(theirs).to_dict())
        changed = differences(theirs, plain(self.learner.config.to_dict()))
        if changed and not self._accept_changes:
            raise TrainingError(
                f"{self.directory}: a session with another configuration lies there:\n  "
                + "\n  ".join(changed)
                + "\nUse its configuration, another directory, or --accept-changes."
            )


def differences(theirs: Mapping[str, Any], mine: Mapping[str, Any], free: Sequence[str] = FREE) -> list[str]:
    """One line for each option that may not change by itself; options of options are named `a.b`."""
    out: list[str] = []
    for key in dict.fromkeys((*mine, *theirs)):
        was, now = theirs.get(key), mine.get(key)
        if key in free or was == now:
            continue
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            out += [f"{key}.{line}" for line in differences(was, now, free)]
        else:
            out.append(f"{key} was {was}, now {now}")
    return out


def plain(value: Any) -> Any:
    """As JSON gives it back."""
    return json.loads(json.dumps(value))
