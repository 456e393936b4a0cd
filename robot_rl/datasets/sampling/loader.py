"""Batches of training windows read ahead by worker processes.

Workers are spawned, never forked: a fork copies locks that other threads hold (a ROS node's, a decoder's)
and hangs. They read pictures alone, into memory shared with this process; numbers are taken here. As with
any spawned process, a script that starts one keeps its work below `if __name__ == "__main__":`.
"""

from __future__ import annotations

import multiprocessing
import signal
import weakref
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.sampling.frame_table import FrameTable
from robot_rl.datasets.sampling.sampler import Sampler
from robot_rl.datasets.sampling.windows import Windows

Batch = dict[str, NDArray[Any]]


class Loader:
    """Iterating gives the batches left in the epoch, as `Windows.batch` does; iterate again for the next epoch.

    Args:
        windows: what to draw from.
        sampler: in what order; `state_dict` tells where it stands, counting only batches that were given out.
        workers: processes that read pictures; 0 reads in this one.
        prefetch: batches read ahead by each worker.

    Close it, or use it as a context manager, to end its workers; they also end when this process dies.
    """

    def __init__(self, windows: Windows, sampler: Sampler, *, workers: int = 0, prefetch: int = 2) -> None:
        if sampler.windows != len(windows):
            raise DatasetError(f"the sampler is for {sampler.windows} windows, there are {len(windows)}")
        if workers < 0 or prefetch < 1:
            raise DatasetError(f"{workers=}, {prefetch=}: at least 0 and 1")
        self.windows, self.sampler = windows, sampler
        self._pool = _Pool(windows, sampler.batch_size, workers, prefetch) if workers and windows.pictures else None

    def __len__(self) -> int:
        """Batches in an epoch."""
        return self.sampler.batches

    def __iter__(self) -> Iterator[Batch]:
        epoch = self.sampler.epoch
        while self.sampler.epoch == epoch:
            yield self.next_batch()

    def next_batch(self) -> Batch:
        """The next batch; epochs follow each other without end. Raises DatasetError when a file is damaged."""
        indices = self.sampler.indices(self.sampler.epoch, self.sampler.batch)
        if self._pool is None:
            out = self.windows.batch(indices)
        else:
            out = self._pool.pictures(self.sampler) | self.windows.numbers(indices)
            out |= self.windows.future_pictures(indices)
        self.sampler.advance()
        return out

    def state_dict(self) -> dict[str, int]:
        """Where it stands: the next batch given out is the one after the last given out."""
        return self.sampler.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from such a state. Raises DatasetError when it is of other data or arguments."""
        self.sampler.load_state_dict(state)

    def close(self) -> None:
        """End the workers."""
        if self._pool is not None:
            self._pool.close()

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass
class _Ordered:
    """A batch that a worker was asked for."""

    place: tuple[int, int]
    worker: int
    slot: int
    count: int


class _Pool:
    """Worker processes, the slots of shared memory they fill, and the batches under way.

    A slot holds the pictures of one batch. It is free again when the last array that shows it is gone, so a
    batch stays as it is for as long as anybody keeps it; while all slots are kept, batches are read here.
    """

    def __init__(self, windows: Windows, batch: int, workers: int, prefetch: int) -> None:
        self._windows = windows
        self._layout = _layout(windows.pictures, windows.n_obs, batch)
        context = multiprocessing.get_context("spawn")
        size = sum(int(np.prod(shape, dtype=np.int64)) * dtype.itemsize for shape, dtype in self._layout.values())
        self._slots = [context.RawArray("B", size) for _ in range(workers * prefetch + 2)]
        self._free = deque(range(len(self._slots)))
        self._under_way: deque[_Ordered] = deque()
        self._ahead = workers * prefetch
        self._turn = 0
        self._pipes: list[Connection] = []
        self._processes = []
        for number in range(workers):
            here, there = context.Pipe()
            process = context.Process(
                target=_work,
                args=(there, windows.pictures, self._layout, self._slots),
                name=f"loader-{number}",
                daemon=True,
            )
            process.start()
            there.close()
            self._pipes.append(here)
            self._processes.append(process)

    def pictures(self, sampler: Sampler) -> Batch:
        """The pictures of the sampler's next batch; orders those that follow."""
        if not self._processes:
            raise DatasetError("the loader is closed")
        wanted = (sampler.epoch, sampler.batch)
        if self._under_way and self._under_way[0].place != wanted:
            self._drain()  # the sampler was set to another place
        self._order_ahead(sampler)
        if not self._under_way:
            rows = self._windows.rows(sampler.indices(*wanted))[0]
            return {n: t[rows] for n, t in self._windows.pictures.items()}
        ordered = self._under_way.popleft()
        self._receive(ordered)
        return self._show(ordered)

    def close(self) -> None:
        """End the processes."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(5)
            if process.is_alive():
                process.terminate()
        self._processes, self._pipes = [], []

    def _order_ahead(self, sampler: Sampler) -> None:
        while len(self._under_way) < self._ahead and self._free:
            place = sampler.ahead(len(self._under_way))
            rows = self._windows.rows(sampler.indices(*place))[0]
            ordered = _Ordered(place, self._turn % len(self._pipes), self._free.popleft(), len(rows))
            self._turn += 1
            try:
                self._pipes[ordered.worker].send((ordered.slot, rows))
            except OSError:
                raise self._died(ordered.worker) from None
            self._under_way.append(ordered)

    def _receive(self, ordered: _Ordered) -> None:
        try:
            error = self._pipes[ordered.worker].recv()
        except (EOFError, OSError):
            raise self._died(ordered.worker) from None
        if error is not None:
            self._free.append(ordered.slot)
            raise DatasetError(error)

    def _drain(self) -> None:
        while self._under_way:
            ordered = self._under_way.popleft()
            self._receive(ordered)
            self._free.append(ordered.slot)

    def _show(self, ordered: _Ordered) -> Batch:
        base = np.frombuffer(self._slots[ordered.slot], np.uint8)
        weakref.finalize(base, self._free.append, ordered.slot).atexit = False
        return {n: v[: ordered.count] for n, v in _views(base, self._layout).items()}

    def _died(self, worker: int) -> DatasetError:
        process = self._processes[worker]
        process.join(1)
        return DatasetError(
            f"worker process {process.name} ended with code {process.exitcode}. If it was killed (-9), memory ran "
            "out; if it could not start, keep the script's work below `if __name__ == '__main__':`"
        )


Layout = dict[str, tuple[tuple[int, ...], np.dtype[Any]]]


def _layout(pictures: Mapping[str, FrameTable], n_obs: int, batch: int) -> Layout:
    """Shape and type of each picture field of a full batch."""
    return {n: ((batch, n_obs, *t.shape[1:]), t.dtype) for n, t in pictures.items()}


def _views(base: NDArray[np.uint8], layout: Layout) -> Batch:
    """The fields of a batch as they lie in a slot, one after the other."""
    out: Batch = {}
    start = 0
    for name, (shape, dtype) in layout.items():
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        out[name] = base[start : start + size].view(dtype).reshape(shape)
        start += size
    return out


def _work(pipe: Connection, pictures: Mapping[str, FrameTable], layout: Layout, slots: list[Any]) -> None:
    """A worker's life: rows come in, their pictures are put into a slot, until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that trains: it may want to finish
    views = [_views(np.frombuffer(slot, np.uint8), layout) for slot in slots]
    while True:
        try:
            slot, rows = pipe.recv()
        except EOFError:
            return
        error = None
        try:
            for name, table in pictures.items():
                out = views[slot][name][: len(rows)]
                table.read(rows.reshape(-1), out.reshape(-1, *table.shape[1:]))
        except DatasetError as damage:
            error = str(damage)
        try:
            pipe.send(error)
        except OSError:
            return
