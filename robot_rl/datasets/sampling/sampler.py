"""Which windows come next: an order that is a pure function of seed, epoch and batch.

So it is the same whatever the number of worker processes, a run goes on in mid-epoch from a few integers,
and every rank of a distributed run knows its own share without talking to the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robot_rl.datasets.errors import DatasetError

POOL = 16
"""How many blocks are shuffled among themselves."""
Order = Literal["shuffled", "weighted", "sequential"]


class Sampler:
    """Batches of window indices, epoch after epoch.

    Args:
        windows: how many windows there are.
        batch: windows in a batch, of each rank.
        order: `shuffled`: each window once an epoch. `weighted`: drawn with replacement by `weights`, as many
            as there are windows. `sequential`: in order.
        weights: (windows,) not negative, for `weighted`.
        rank, world: this process's number and how many there are (torchrun's RANK and WORLD_SIZE). Ranks take
            turns; an epoch's windows are split without overlap. Every rank gets equally many batches: what does
            not divide is left out (with `drop_last`) or filled up from the start of the epoch. Row i of
            rank r is row i world + r of the batch that one process alone would get, `batch` world large.
        drop_last: leave out the last batch when it is not full.
        block: for `shuffled` data larger than memory. Neighbouring windows, so many at a time, stay near each
            other: blocks are shuffled, and the windows of 16 blocks among themselves, so that most of what a
            batch wants was read a moment ago.

    Raises:
        DatasetError: an argument is out of range, or there are fewer windows than one batch of every rank.
    """

    def __init__(
        self,
        windows: int,
        batch: int,
        *,
        order: Order = "shuffled",
        weights: ArrayLike | None = None,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        drop_last: bool = True,
        block: int | None = None,
    ) -> None:
        if order not in ("shuffled", "weighted", "sequential"):
            raise DatasetError(f"order '{order}'; there are shuffled, weighted and sequential")
        if windows < 1 or batch < 1 or world < 1 or not 0 <= rank < world or seed < 0:
            raise DatasetError(f"{windows=}, {batch=}, {rank=}, {world=}, {seed=}: out of range")
        if (order == "weighted") != (weights is not None):
            raise DatasetError("weights are given exactly when the order is 'weighted'")
        if block is not None and (order != "shuffled" or block < 1):
            raise DatasetError(f"block={block} with order '{order}': a positive number, for 'shuffled' alone")
        self.windows, self.batch_size, self.order, self.block = windows, batch, order, block
        self.seed, self.rank, self.world = seed, rank, world
        self._share = windows // world if drop_last else -(-windows // world)
        self.batches = self._share // batch if drop_last else -(-self._share // batch)
        """Batches in an epoch."""
        if not self.batches:
            raise DatasetError(f"{windows} windows do not fill a batch of {batch} on each of {world} rank(s); lower it")
        self.epoch = self.batch = 0
        self._cumulative = None if weights is None else _cumulative(np.asarray(weights, np.float64), windows)
        self._permutations: dict[int, NDArray[Any]] = {}

    def indices(self, epoch: int, batch: int) -> NDArray[np.int64]:
        """The windows (B,) of one batch. Raises IndexError when an epoch has no such batch."""
        if not 0 <= batch < self.batches:
            raise IndexError(f"batch {batch}: an epoch has {self.batches}")
        start = batch * self.batch_size
        own = np.arange(start, min(start + self.batch_size, self._share))
        if self._cumulative is not None:
            draws = np.random.default_rng([self.seed, epoch, batch]).random(self.batch_size * self.world)
            own_draws = draws[self.rank :: self.world][: len(own)]
            return np.searchsorted(self._cumulative, own_draws, side="right")
        places = (own * self.world + self.rank) % self.windows
        return places if self.order == "sequential" else self._permutation(epoch)[places].astype(np.int64)

    def ahead(self, count: int) -> tuple[int, int]:
        """Epoch and batch that come `count` batches after the next one."""
        extra, batch = divmod(self.batch + count, self.batches)
        return self.epoch + extra, batch

    def advance(self) -> None:
        """One more batch was used."""
        self.epoch, self.batch = self.ahead(1)

    def __next__(self) -> NDArray[np.int64]:
        """The next batch of indices; epochs follow each other without end."""
        out = self.indices(self.epoch, self.batch)
        self.advance()
        return out

    def state_dict(self) -> dict[str, int]:
        """Where it stands, to go on from there: a few integers."""
        return {"epoch": self.epoch, "batch": self.batch} | self._identity()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where another sampler of the same data and arguments stood. Raises DatasetError."""
        for name, mine in self._identity().items():
            if state.get(name) != mine:
                raise DatasetError(f"the sampler cannot go on: {name} was {state.get(name)}, now {mine}")
        epoch, batch = int(state["epoch"]), int(state["batch"])
        if epoch < 0 or not 0 <= batch < self.batches:
            raise DatasetError(f"the sampler cannot go on from batch {batch} of {self.batches} in epoch {epoch}")
        self.epoch, self.batch = epoch, batch

    def _identity(self) -> dict[str, int]:
        return {"windows": self.windows, "batch_size": self.batch_size, "seed": self.seed, "world": self.world}

    def _permutation(self, epoch: int) -> NDArray[Any]:
        """The order of an epoch; the last two are kept, since workers read ahead across its end."""
        if epoch not in self._permutations:
            numbers = _shuffled(self.windows, self.block, np.random.default_rng([self.seed, epoch]))
            self._permutations = {e: p for e, p in self._permutations.items() if abs(e - epoch) == 1}
            self._permutations[epoch] = numbers
        return self._permutations[epoch]


def _shuffled(count: int, block: int | None, rng: np.random.Generator) -> NDArray[Any]:
    """The numbers below `count` in a random order, by blocks where a size is given."""
    numbers: NDArray[Any] = np.arange(count, dtype=np.uint32 if count < 1 << 32 else np.int64)
    if block is None:
        rng.shuffle(numbers)
        return numbers
    order = rng.permutation(-(-count // block))
    numbers = np.concatenate([numbers[b * block : (b + 1) * block] for b in order.tolist()])
    for start in range(0, count, POOL * block):
        rng.shuffle(numbers[start : start + POOL * block])
    return numbers


def _cumulative(weights: NDArray[np.float64], windows: int) -> NDArray[np.float64]:
    """Running sum of the weights, scaled to end at 1; a window of weight 0 is never drawn."""
    if weights.shape != (windows,):
        raise DatasetError(f"weights have shape {weights.shape}, ({windows},) was expected")
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise DatasetError("weights must be finite, not negative and not all zero")
    out = np.cumsum(weights)
    out /= out[-1]
    out[np.flatnonzero(weights)[-1] :] = 1.0
    return out
