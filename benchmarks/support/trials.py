"""Trials from listed initial states by whatever plays: a policy of ours or a peer behind a pipe."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from robot_rl.hardware import config
from robot_rl.policies.execution import Executor
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeMachine, EpisodeRules
from robot_rl.runtime.loop import run_episode
from robot_rl.sim.camera import scene_cameras


def play(executor: Executor, robot: str, seeds: Sequence[int], cameras: Sequence[str] = ()) -> dict[str, Any]:
    """Whether each trial succeeded, and the mean of its steps. The safety envelope is on, and nobody intervenes."""
    setup = config.load(robot)
    machine = EpisodeMachine(EpisodeRules.of_task(setup.task))
    made, arbiter = config.make(setup), Arbiter.from_config(setup)
    successes, steps = [], 0
    begun = time.process_time()
    try:
        with scene_cameras(setup, made, cameras) as opened:
            for seed in seeds:
                result = run_episode(
                    made, arbiter, machine, executor=executor, cameras=opened, seed=seed, purpose="evaluation"
                )
                successes.append(bool(result.success))
                steps += result.ending.steps
    finally:
        made.close()
    return {
        "successes": successes,
        "mean_steps": steps / len(seeds),
        "evaluation_cpu_s": time.process_time() - begun,
    }
