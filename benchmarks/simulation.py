"""Simulated Lift against robosuite itself, in one run: steps per CPU-second, from state and with two cameras.

Both sides run the same task, rate and number of random actions in alternating blocks, so that whatever else
the machine does falls on both. Ours goes through the gymnasium environment, which includes the safety envelope.
robosuite runs with its default controller, observations and rendering; `hard_reset` is off for both.

    python benchmarks/simulation.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from support.results import Row, save, versions

from robot_rl.sim.environment import make_env
from robot_rl.sim.suite import import_robosuite

CAMERAS = {"front": "agentview", "wrist": "robot0_eye_in_hand"}
SIZE = 128
Block = Callable[[int], float]


def robosuite_block(cameras: bool) -> Block:
    """Steps per CPU-second of robosuite over n steps after a reset."""
    suite = import_robosuite()
    env = suite.make(
        "Lift",
        robots="Panda",
        has_renderer=False,
        has_offscreen_renderer=cameras,
        use_camera_obs=cameras,
        camera_names=list(CAMERAS.values()),
        camera_heights=SIZE,
        camera_widths=SIZE,
        hard_reset=False,
        horizon=10_000,
        seed=0,
    )
    return _timed(env.reset, env.step, 7)


def our_block(cameras: bool) -> Block:
    """Steps per CPU-second of our gymnasium environment over n steps after a reset."""
    env = make_env("sim_lift", cameras=tuple(CAMERAS) if cameras else ())
    return _timed(env.reset, env.step, env.action_space.shape[0])


def _timed(reset: Callable[[], Any], step: Callable[[Any], Any], size: int) -> Block:
    rng = np.random.default_rng(0)

    def block(steps: int) -> float:
        actions = rng.uniform(-1, 1, (steps, size)).astype(np.float32)
        reset()
        start = time.process_time()
        for action in actions:
            step(action)
        return steps / (time.process_time() - start)

    return block


def compare(cameras: bool, steps: int, repetitions: int) -> dict[str, Any]:
    """Both sides in alternating blocks; medians, spread and their ratio."""
    ours, theirs = our_block(cameras), robosuite_block(cameras)
    for block in (ours, theirs):
        block(max(2, steps // 10))
    rates: dict[str, list[float]] = {"robot_rl": [], "robosuite": []}
    for _ in range(repetitions):
        rates["robosuite"].append(theirs(steps))
        rates["robot_rl"].append(ours(steps))
    medians = {name: statistics.median(r) for name, r in rates.items()}
    ratios = [a / b for a, b in zip(rates["robot_rl"], rates["robosuite"])]
    return {
        "steps_per_cpu_second": {n: round(m, 1) for n, m in medians.items()},
        "range": {n: [round(min(r), 1), round(max(r), 1)] for n, r in rates.items()},
        "ratio": round(statistics.median(ratios), 2),
        "ratio_range": [round(min(ratios), 2), round(max(ratios), 2)],
        "steps": steps,
        "repetitions": repetitions,
    }


def main() -> None:
    cases = {
        "state": (compare(cameras=False, steps=200, repetitions=7), 0.9),
        f"two_cameras_{SIZE}": (compare(cameras=True, steps=25, repetitions=5), 2.0),
    }
    rows = []
    for name, (case, target) in cases.items():
        rates = case["steps_per_cpu_second"]
        low, high = case["ratio_range"]
        note = f"ratio between {low} and {high} over {case['repetitions']} repetitions"
        rows.append(Row(f"steps, {name}", rates["robot_rl"], rates["robosuite"], case["ratio"], "per CPU-s",
                        f"ratio >= {target}", note))  # fmt: skip
    what = "Lift, Panda, 20 Hz control, 500 Hz physics, random actions; beside robosuite in alternating blocks"
    save("simulation", what, rows, versions=versions(["robot_rl", "mujoco", "robosuite", "numpy", "gymnasium"]),
         cases={name: case for name, (case, _) in cases.items()})  # fmt: skip


if __name__ == "__main__":
    main()
