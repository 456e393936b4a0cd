"""The learner as a process: `python -m robot_rl.learn.online.remote.process FOLDER`.

It reads the session's recipe, says its address on standard output, and ends with its parent: when standard input is
closed it saves and goes, or just goes where it is still preparing.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.lock import WriterLock
from robot_rl.hardware.config import ConfigError
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.replay import ReplayError
from robot_rl.policies.checkpoint import CheckpointError
from robot_rl.policies.execution import PolicyUnavailableError
from robot_rl.serving.client import RemoteError
from robot_rl.serving.mapping import MappingError

log = logging.getLogger(__name__)

REFUSALS = (
    TrainingError,
    ReplayError,
    DatasetError,
    CheckpointError,
    ConfigError,
    RemoteError,
    MappingError,
    PolicyUnavailableError,
)
"""What is said in one line."""

TOKEN = "ROBOT_RL_LEARNER_TOKEN"
"""Environment variable of the learner's own token; ROBOT_RL_TOKEN is that of a served base."""
LOCK = ".learner"
LOCK_WAIT = 30.0
"""How long a learner waits for one that is still saving [s]."""


class LearnerProcess:
    """Starts a learner for the session in `directory`, and again when it has died.

    Args:
        restarts: how often it may be started again.
    """

    def __init__(self, directory: Path, restarts: int, *, accept_changes: bool = False) -> None:
        self.directory, self.restarts, self._accept_changes = directory, restarts, accept_changes
        self.token = secrets.token_hex(16)
        self.starts = 0
        self._process: subprocess.Popen[str] | None = None
        self._address = ""
        self._starting = threading.Lock()
        """One caller at a time waits for a learner's first word, which may take long."""
        self._lock = threading.Lock()
        """Of what is below, never held for long."""
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return None if self._process is None else self._process.pid

    def address(self) -> str:
        """Where the learner listens; starts it if it does not run.

        Raises:
            TrainingError: it does not start, or has died too often; its last words are in learner.log.
        """
        with self._starting:
            with self._lock:
                if self._process is not None and self._process.poll() is None:
                    return self._address
                self._process = process = self._start()
            self._address = self._first_word(process)
            return self._address

    def where(self) -> tuple[str, str]:
        """Address and token, as `Link` wants them."""
        return self.address(), self.token

    def close(self, timeout: float = 60.0) -> None:
        """Let it save and end."""
        with self._lock:
            self._closed = True
            process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            log.warning("the learner does not end: it is killed; the session is as it was saved last")
            process.kill()
            process.wait()

    @property
    def _log(self) -> Path:
        return self.directory / "learner.log"

    def _start(self) -> subprocess.Popen[str]:
        """A new learner. Raises TrainingError when there is to be none."""
        if self._closed:
            raise TrainingError("the learner has been ended")
        if self.starts > self.restarts:
            raise TrainingError(f"the learner has died {self.starts} times; {self._log} says why")
        if self.starts:
            log.warning("the learner has died: it is started again (%d of %d)", self.starts, self.restarts)
        self.starts += 1
        options = ["--accept-changes"] if self._accept_changes else []
        with self._log.open("a") as words:
            return subprocess.Popen(
                [sys.executable, "-m", __name__, str(self.directory), *options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                text=True,
                env={**os.environ, TOKEN: self.token},
                start_new_session=True,  # Ctrl-C is for the actor, which then lets the learner save
            )

    def _first_word(self, process: subprocess.Popen[str]) -> str:
        """The address that a learner says once it is prepared. Raises TrainingError when it says something else."""
        if process.stdout is None:
            raise TrainingError("the learner has no standard output")
        line = process.stdout.readline()
        if not line:
            process.wait()
            if self._closed:
                raise TrainingError("the learner has been ended")
            words = self._log.read_text().strip().splitlines()
            raise TrainingError(f"the learner does not start: {words[-1] if words else 'it said nothing'}")
        said = json.loads(line)
        if "error" in said:
            process.wait()
            raise TrainingError(said["error"])
        return str(said["address"])


def main(argv: Sequence[str] | None = None) -> int:
    """Run a learner to its end; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--accept-changes", action="store_true")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    import torch

    torch.set_num_threads(1)
    lock = hold_lock(options.directory)
    try:
        _learn(options)
    except REFUSALS as error:
        log.error("%s", error)
        _say({"error": str(error)})
        return 2
    finally:
        lock.release()
    return 0


def _say(words: Mapping[str, str]) -> None:
    """One line to the parent, which may be gone."""
    try:
        sys.stdout.write(json.dumps(words) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _learn(options: argparse.Namespace) -> None:
    from robot_rl.hardware import config as hardware_config
    from robot_rl.learn.online import recipe
    from robot_rl.learn.online.remote.prepared import prepared
    from robot_rl.learn.online.remote.server import ActorServer

    orphaned, ready = threading.Event(), threading.Event()
    threading.Thread(target=_watch, args=(sys.stdin, orphaned, ready), name="parent-watch", daemon=True).start()
    directory: Path = options.directory
    plan = recipe.load(directory / recipe.FILE)
    setup = hardware_config.load(plan.robot, plan.control_mode or None)
    learning = prepared(plan, directory, setup, accept_changes=options.accept_changes)
    server = ActorServer(
        os.environ.get(TOKEN, ""),
        lambda: learning.status,
        host=options.host,
        port=options.port,
        period=plan.remote.period,
    )
    ready.set()
    _say({"address": server.address})
    try:
        learning.run(server, orphaned.is_set)
    finally:
        server.close()


def _watch(stream: IO[str], orphaned: threading.Event, ready: threading.Event) -> None:
    """When the parent closes the stream, or dies, say so to a learner that is ready; one that is still preparing has
    nothing to save, and ends here."""
    stream.read()
    orphaned.set()
    if not ready.is_set():
        os._exit(0)


def hold_lock(directory: Path) -> WriterLock:
    """One learner a session; one that is just ending is waited for. Raises DatasetError."""
    (directory / LOCK).mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + LOCK_WAIT
    while True:
        try:
            return WriterLock(directory / LOCK / "lock")
        except DatasetError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
