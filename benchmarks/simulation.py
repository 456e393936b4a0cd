"""Simulated Lift against robosuite itself, in one run: steps per CPU-second, from state and with two cameras.

Both sides run the same task, rate and number of random actions in alternating blocks, so that whatever else
the machine does falls on both. Ours goes through the gymnasium environment, which includes the safety envelope.
robosuite runs with its default controller, observations and rendering; `hard_reset` is off for both.

    python benchmarks/simulation.py
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.sim.environment import make_env
from robot_rl.sim.suite import import_robosuite

RESULT = Path(__file__).parent / "results" / "simulation.json"
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
    packages = ("robot_rl", "mujoco", "robosuite", "numpy", "gymnasium")
    result = {
        "what": "Lift, Panda, 20 Hz control, 500 Hz physics, random actions; median over alternating blocks",
        "state": compare(cameras=False, steps=200, repetitions=7),
        f"two_cameras_{SIZE}": compare(cameras=True, steps=25, repetitions=5),
        "target": {"state": 0.9, f"two_cameras_{SIZE}": 2.0},
        "versions": {p: importlib.metadata.version(p) for p in packages} | {"python": platform.python_version()},
        "machine": {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()},
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    for name in ("state", f"two_cameras_{SIZE}"):
        rates = result[name]["steps_per_cpu_second"]
        print(
            f"{name}: {rates['robot_rl']} steps per CPU-second, robosuite {rates['robosuite']}, "
            f"ratio {result[name]['ratio']} (target {result['target'][name]})"
        )


if __name__ == "__main__":
    main()
