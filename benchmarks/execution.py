"""Does a 20 Hz robot loop keep time while a policy takes 300 ms for a chunk? Lateness of every command.

The loop is the one that robots run in: absolute deadlines on the system clock, one `act` a tick, and the command
handed over at once. A command is late when it comes a whole period after its deadline, or later. What the machine adds
by waking the loop late is measured apart: `act` is the time from there to the command, which is all that execution is
answerable for. Two policies: one that waits (as for another computer), one that computes on this one, in NumPy. The
loop with no policy at all and receding-horizon execution, which must wait for its chunks, stand beside them.

    python benchmarks/execution.py                 ten minutes of waiting, one of computing
    python benchmarks/execution.py --minutes 0.5
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.hardware.clock import SystemClock
from robot_rl.policies.modes import ExecutionConfig, Mode, make_executor
from robot_rl.spec import Field, Layout, Spec

RESULT = Path(__file__).parent / "results" / "execution.json"
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


def run_loop(work: Callable[[], object], seconds: float) -> dict[str, float]:
    """Do the work once a tick; how late the loop woke and the commands were [ms]."""
    clock, period = SystemClock(), round(1e9 / RATE)
    ticks = round(seconds * RATE)
    woke, done = np.empty(ticks), np.empty(ticks)  # after the deadline [s]
    start = clock.now() + period
    for tick in range(ticks):
        deadline = start + tick * period
        clock.sleep_until(deadline)
        woke[tick] = (clock.now() - deadline) * 1e-9
        work()
        done[tick] = (clock.now() - deadline) * 1e-9
    out: dict[str, float] = {"ticks": ticks, "late_commands": int((done >= 1 / RATE).sum())}
    for name, times in (("woke", woke), ("act", done - woke)):
        p50, p99 = np.quantile(times, (0.5, 0.99))
        out |= {f"{name}_p50_ms": 1e3 * p50, f"{name}_p99_ms": 1e3 * p99, f"{name}_max_ms": 1e3 * times.max()}
    return out


def keep_time(policy: SlowPolicy, mode: Mode, seconds: float) -> dict[str, float]:
    """The loop with an executor, and what that counted."""
    executor = make_executor(policy, ExecutionConfig(mode), simulated=False, latency=TAKES)
    executor.reset(0)
    values = {"x": np.zeros(1)}
    out = run_loop(lambda: executor.act(values), seconds)
    executor.close()
    counts = executor.counts
    chunk = 1e3 * float(np.median(counts.seconds))
    return {**out, "chunks": counts.chunks, "chunk_p50_ms": chunk, "held": counts.held, "overruns": counts.overruns}


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
    scheduling = prioritise()
    rows = {
        "no policy": run_loop(lambda: None, min(seconds, 60.0)),
        "async, waiting": keep_time(SlowPolicy(False), "async", seconds),
        "async, computing": keep_time(SlowPolicy(True), "async", min(seconds, 60.0)),
        "receding, waiting": keep_time(SlowPolicy(False), "receding", min(seconds, 20.0)),
    }
    machine = {
        "scheduling": scheduling,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({"rate": RATE, "chunk": TAKES, "machine": machine, "rows": rows}, indent=1) + "\n")
    for name, row in rows.items():
        print(name + ": " + ", ".join(f"{k} {v:.3g}" for k, v in row.items()))


if __name__ == "__main__":
    main()
