"""A session's learner for an actor behind a node graph: prepared, served, and written down as it goes."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from robot_rl.hardware.config import RobotConfig
from robot_rl.learn.online.logbook import Logbook
from robot_rl.learn.online.picture import draw
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.remote import address
from robot_rl.learn.online.remote.learning import Learning
from robot_rl.learn.online.remote.prepared import prepared
from robot_rl.learn.online.remote.process import hold_lock
from robot_rl.learn.online.remote.server import ActorServer


class Hosted:
    """The learner of the session in `folder`, restored or begun; `close` lets go of the folder.

    Args:
        in_background: does work that learning does not wait for.
        accept_changes: continue a session that was begun with another configuration.

    Raises:
        TrainingError, ReplayError, DatasetError, CheckpointError: the session does not hold, or another learner has it.
    """

    def __init__(
        self,
        plan: Recipe,
        folder: Path,
        setup: RobotConfig,
        in_background: Callable[[Callable[[], None]], object],
        *,
        accept_changes: bool = False,
    ) -> None:
        self.folder, self._in_background = folder, in_background
        self._lock = hold_lock(folder)
        self._server: ActorServer | None = None
        self._logbook: Logbook | None = None
        self._logged = (0, 0)
        """Episodes and evaluations that are in the logbook."""
        try:
            self.learning = prepared(plan, folder, setup, accept_changes=accept_changes, on_saved=self._log)
            self._logbook = Logbook(folder, self.learning.tally.robot_steps)
            self._logged = (self.learning.tally.episodes, len(self.learning.curve))
            token = secrets.token_hex(16)
            self._server = ActorServer(token, lambda: self.learning.status, period=plan.remote.period)
            address.tell(folder, self._server.address, token)
        finally:
            if self._server is None:
                self._lock.release()

    def run(self, stopped: Callable[[], bool]) -> None:
        """Learn until then. Raises TrainingError as `Learning.run`."""
        if self._server is not None:
            self.learning.run(self._server, stopped)

    def close(self) -> None:
        """There is no learner any more."""
        if self._server is not None:
            self._server.close()
            address.forget(self.folder)
            self._lock.release()
            self._server = None
        if self._logbook is not None:
            self._logbook.close()

    def _log(self, learning: Learning) -> None:
        if self._logbook is None:
            return
        if learning.tally.episodes != self._logged[0]:
            counts = {"lag_steps": float(learning.owed), "fetched_episodes": float(learning.recovered)}
            figures = {**learning.figures, **learning.actor, **counts}
            self._logbook.episode(learning.tally, learning.learner.improver.updates, figures)
        curve = list(learning.curve)
        if len(curve) != self._logged[1]:
            self._logbook.point(curve[-1])
            self._in_background(lambda: draw({"": curve}, self.folder / "curve.png"))
        self._logged = (learning.tally.episodes, len(curve))
