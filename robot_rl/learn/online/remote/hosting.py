"""A session's learner for an actor behind a node graph: prepared, served, and written down as it goes."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from robot_rl.datasets.dataset import Dataset
from robot_rl.hardware.config import RobotConfig
from robot_rl.learn.online import deployed
from robot_rl.learn.online.folder import EPISODES, load_base
from robot_rl.learn.online.learner import Learner
from robot_rl.learn.online.logbook import Logbook, draw
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.remote import address
from robot_rl.learn.online.remote.learning import Learning
from robot_rl.learn.online.remote.process import hold_lock
from robot_rl.learn.online.remote.server import ActorServer
from robot_rl.learn.online.store import Store
from robot_rl.policies import checkpoint


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
            self.learning = self._prepare(plan, setup, accept_changes)
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

    def _prepare(self, plan: Recipe, setup: RobotConfig, accept_changes: bool) -> Learning:
        cameras = setup.select_cameras(plan.cameras)
        pictures = {n: (c.height, c.width) for n, c in cameras.items()}
        base = load_base(plan.online, self.folder)
        if base is not None:
            checkpoint.require_fits(base, setup.spec, setup.cameras)
        learner = Learner(plan.online, setup.spec, base, pictures)
        episodes = self.folder / EPISODES
        learning = Learning(
            learner,
            Store(self.folder, learner, accept_changes=accept_changes),
            plan.remote,
            deployed.describe(plan.online, setup.spec, pictures),
            lambda: Dataset.open(episodes) if (episodes / "zarr.json").is_file() else (),
            on_saved=self._log,
        )
        learning.prepare(e for name in plan.dataset for e in Dataset.open(Path(name)))
        return learning

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
            self._in_background(lambda: draw(curve, self.folder / "curve.png"))
        self._logged = (learning.tally.episodes, len(curve))
