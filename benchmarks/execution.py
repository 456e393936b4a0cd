"""Does a 20 Hz robot loop keep time while a policy takes 300 ms for a chunk? Lateness of every command.

The loop is the one that robots run in: absolute deadlines on the system clock, one `act` a tick, and the command
handed over at once. A command is late when it comes a whole period after its deadline, or later. What the machine does
to any loop is measured apart, by a loop with nothing to do in a process beside it; `act` is the time from waking to the
command, which is all that execution is answerable for. Two policies: one that waits (as for another computer), one that
computes on this one, in NumPy. Receding-horizon execution, which must wait for its chunks, stands beside them.

    python benchmarks/execution.py                 ten minutes of waiting, one of computing
    python benchmarks/execution.py --minutes 0.5
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from support.results import Row, rounded, save, versions

from robot_rl.hardware.clock import SystemClock
from robot_rl.policies.modes import ExecutionConfig, Mode, make_executor
from robot_rl.spec import Field, Layout, Spec

RATE, TAKES = 20.0, 0.3
"""Of the robot [Hz], and the time of a chunk [s]."""


class SlowPolicy:
    """Takes 300 ms for a chunk of 16 steps, waiting or computing."""

    spec = Spec("benchmark", RATE, Layout((Field("x", (1,)),)), Layout((Field("u", (7,)),)))
    observation_names = ("x",)
    n_obs, horizon, n_action_steps = 2, 16, 8

    def __init__(self, computes: bool) -> None:
        self._matrix = np.random.default_rng(0).normal(size=(256, 256)) if computes else None

    def predict(self, observation: Any) -> np.ndarray:
        end = time.perf_counter() + TAKES
        if self._matrix is None:
            time.sleep(TAKES)
        else:
            while time.perf_counter() < end:
                self._matrix @ self._matrix
        return np.zeros((self.horizon, 7))

    def reset(self, seed: int | None = None) -> None:
        """Nothing to forget."""


def lateness(work: Callable[[], object], start: int, ticks: int) -> np.ndarray:
    """Work once a tick, from the deadline `start` on: how late the loop woke and the command came [s], (ticks, 2)."""
    clock, period = SystemClock(), round(1e9 / RATE)
    late = np.empty((ticks, 2))
    for tick in range(ticks):
        deadline = start + tick * period
        clock.sleep_until(deadline)
        late[tick, 0] = (clock.now() - deadline) * 1e-9
        work()
        late[tick, 1] = (clock.now() - deadline) * 1e-9
    return late


def idle(start: int, ticks: int, pipe: Connection) -> None:
    """The loop with nothing to do, in a process of its own: what the machine does to any loop."""
    prioritise()
    pipe.send(lateness(lambda: None, start, ticks))


def keep_time(label: str, policy: SlowPolicy, mode: Mode, seconds: float) -> list[Row]:
    """The loop with an executor, an idle loop beside it, and what the executor counted."""
    executor = make_executor(policy, ExecutionConfig(mode), simulated=False, latency=TAKES)
    executor.reset(0)
    values, ticks = {"x": np.zeros(1)}, round(seconds * RATE)
    start = SystemClock().now() + 3_000_000_000  # the idle loop's process has started by then
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    beside = context.Process(target=idle, args=(start, ticks, theirs))
    beside.start()
    late = lateness(lambda: executor.act(values), start, ticks)
    control = ours.recv()
    beside.join()
    executor.close()
    counts = executor.counts
    missed, stalled = late[:, 1] >= 1 / RATE, control[:, 1] >= 1 / RATE
    act = 1e3 * (late[:, 1] - late[:, 0])
    woke = [1e3 * float(np.quantile(x[:, 0], 0.99)) for x in (late, control)]
    chunks = f"{counts.chunks} chunks, median {1e3 * float(np.median(counts.seconds)):.0f} ms"
    held = "the last action was held, the wait for the first chunk included"
    target = "0" if mode == "async" else ""
    both = f"of {ticks}; {int((missed & stalled).sum())} of them while the idle loop was late too"
    return [
        Row(f"{label}: late commands", float(missed.sum()), float(stalled.sum()), None, "commands", target, both),
        Row(f"{label}: worst command", rounded(1e3 * late[:, 1].max()), rounded(1e3 * control[:, 1].max()), None, "ms"),
        Row(f"{label}: woken, 99th percentile", rounded(woke[0]), rounded(woke[1]), None, "ms"),
        Row(f"{label}: act, 99th percentile", rounded(float(np.quantile(act, 0.99))), unit="ms", note=chunks),
        Row(f"{label}: steps without a fresh chunk", float(counts.held), unit="steps", note=held),
    ]


def prioritise() -> str:
    """Run the loop (not the threads it starts) ahead of ordinary processes, as on a robot, where that is allowed."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(10))
    except OSError:
        return "ordinary"
    return "SCHED_FIFO"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="of the waiting policy")
    seconds = 60 * parser.parse_args().minutes
    scheduling, load = prioritise(), os.getloadavg()[0]
    rows = keep_time("waiting", SlowPolicy(False), "async", seconds)
    rows += keep_time("computing", SlowPolicy(True), "async", min(seconds, 60.0))
    rows += keep_time("receding horizon, waiting", SlowPolicy(False), "receding", min(seconds, 20.0))
    notes = (
        f"The peer is a loop with nothing to do, in a process of its own beside each run. {scheduling} for the loops; "
        f"the load was {load:.1f} at the beginning."
    )
    save(
        "execution", "a 20 Hz robot loop while a policy takes 300 ms for a chunk", rows,
        versions=versions(["robot_rl", "numpy"]), notes=notes,
    )  # fmt: skip


if __name__ == "__main__":
    main()
