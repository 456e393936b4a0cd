"""A session's learner for an actor behind a node graph: prepared, served, and written down as it goes."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from robot_rl.hardware.config import RobotConfig
from robot_rl.learn.online.book import Book, Seen
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.remote import address
from robot_rl.learn.online.remote.learning import Learning
from robot_rl.learn.online.remote.prepared import prepared
from robot_rl.learn.online.remote.process import hold_lock
from robot_rl.learn.online.remote.server import ActorServer

log = logging.getLogger(__name__)


class Hosted:
    """The learner of the session in `folder`, restored or begun; `close` lets go of the folder.

    Curves are written after every episode, the report and the picture of the curve after every evaluation and at the
    end.

    Args:
        in_background: does work that learning does not wait for.
        told: hears after each episode how the session goes, in a line.
        notes: for the report's readers.
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
        told: Callable[[str], None] = lambda text: None,
        notes: Sequence[str] = (),
        accept_changes: bool = False,
    ) -> None:
        self.folder, self._in_background, self._told = folder, in_background, told
        self._lock = hold_lock(folder)
        self._server: ActorServer | None = None
        self._book = Book(plan, folder, operator="as the graph was launched", simulated=setup.simulated, notes=notes)
        self._logged: tuple[int, int] | None = None
        """Episodes and evaluations that are in the book; None before it is opened."""
        self._reporting = threading.Lock()
        self._newest: Seen | None = None
        """What the report is to show, and `_shown` what it has been written of."""
        self._shown: Seen | None = None
        self._written: Path | None = None
        """The report, if it could be written."""
        try:
            self.learning = prepared(plan, folder, setup, accept_changes=accept_changes, on_saved=self._log)
            self._book.begin(_seen(self.learning))
            self._logged = (self.learning.tally.episodes, len(self.learning.curve))
            token = secrets.token_hex(16)
            self._server = ActorServer(token, lambda: self.learning.status, period=plan.remote.period)
            address.tell(folder, self._server.address, token)
        finally:
            if self._server is None:
                self._book.close()
                self._lock.release()

    def run(self, stopped: Callable[[], bool]) -> None:
        """Learn until then. Raises TrainingError as `Learning.run`."""
        if self._server is not None:
            self.learning.run(self._server, stopped)

    def close(self) -> Path | None:
        """There is no learner any more. Returns the report's path, None where there is nothing to report."""
        if self._server is None:
            return None
        self._server.close()
        self._server = None
        address.forget(self.folder)
        try:
            self._book.close()
            if any(self._logged or ()):
                self._newest = _seen(self.learning)
                self._report()
            return self._written
        except OSError as error:
            log.warning("%s: the curves are not complete: %s", self.folder, error)
            return None
        finally:
            self._lock.release()

    def _log(self, learning: Learning) -> None:
        if self._logged is None:
            return
        seen = _seen(learning)
        if learning.tally.episodes != self._logged[0]:
            self._told(self._book.episode(seen))
        if len(seen.curve) != self._logged[1]:
            self._book.point(seen.curve[-1])
            self._newest = seen
            self._in_background(self._report)
        self._logged = (learning.tally.episodes, len(seen.curve))

    def _report(self) -> None:
        """Write the report of the newest, in whatever order those that do so come to their turn; see `Book.report`."""
        with self._reporting:
            seen = self._newest
            if seen is not None and seen is not self._shown:
                self._written, self._shown = self._book.report(seen), seen


def _seen(learning: Learning) -> Seen:
    """The session as it is now, whatever learning does to it meanwhile."""
    tally = replace(learning.tally, recent=list(learning.tally.recent))
    counts = {"lag_steps": float(learning.owed), "fetched_episodes": float(learning.recovered)}
    figures = {**learning.figures, **learning.actor, **counts}
    return Seen(tally, list(learning.curve), figures, learning.learner.improver.updates, learning.recovered)
