"""Where a chunk is computed while the robot goes on: in a thread, or for simulated time after a set number of steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Finished:
    """A chunk that has arrived."""

    step: int
    """In which it was asked for."""
    chunk: Array  # (horizon, A)
    seconds: float
    """How long it took to compute."""


class Inference(Protocol):
    """Computes one chunk at a time."""

    @property
    def busy(self) -> bool:
        """A chunk was asked for and has not been fetched."""
        ...

    def start(self, step: int, job: Callable[[], Array]) -> None:
        """Begin to compute; not while busy."""
        ...

    def poll(self, step: int) -> Finished | None:
        """The chunk, once, if it is there at this step; raises what its computation raised."""
        ...

    def abandon(self) -> None:
        """The chunk that was asked for is not wanted any more."""
        ...

    def run(self, job: Callable[[], None]) -> None:
        """Do something after whatever is being computed, and wait for it."""
        ...

    def close(self) -> None: ...


class SimulatedInference:
    """Computes at once and hands the chunk over `latency` control steps later: the same on every machine."""

    def __init__(self, latency: int) -> None:
        self._latency = latency
        self._pending: Finished | None = None

    @property
    def busy(self) -> bool:
        return self._pending is not None

    def start(self, step: int, job: Callable[[], Array]) -> None:
        self._pending = _timed(step, job)

    def poll(self, step: int) -> Finished | None:
        if self._pending is None or step < self._pending.step + self._latency:
            return None
        finished, self._pending = self._pending, None
        return finished

    def abandon(self) -> None:
        self._pending = None

    def run(self, job: Callable[[], None]) -> None:
        job()

    def close(self) -> None:
        self._pending = None


class ThreadedInference:
    """Computes in a thread of its own; what is abandoned runs to its end and is thrown away."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="policy")
        self._future: Future[Finished] | None = None

    @property
    def busy(self) -> bool:
        return self._future is not None

    def start(self, step: int, job: Callable[[], Array]) -> None:
        self._future = self._pool.submit(_timed, step, job)

    def poll(self, step: int) -> Finished | None:
        if self._future is None or not self._future.done():
            return None
        future, self._future = self._future, None
        return future.result()

    def abandon(self) -> None:
        if self._future is not None:
            self._future.cancel()
        self._future = None

    def run(self, job: Callable[[], None]) -> None:
        self._pool.submit(job).result()

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


def _timed(step: int, job: Callable[[], Array]) -> Finished:
    begun = time.perf_counter()
    return Finished(step, job(), time.perf_counter() - begun)
