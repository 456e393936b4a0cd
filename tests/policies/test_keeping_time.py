"""A 20 Hz loop in real time with a policy that takes 300 ms (ten minutes of it: benchmarks/execution.py)."""

import time

import numpy as np

from robot_rl.hardware.clock import SystemClock
from robot_rl.policies.modes import ExecutionConfig, make_executor
from robot_rl.spec import Field, Layout, Spec


class Slow:
    """Row k of a chunk asked for in step t is t + k, and it takes 300 ms."""

    spec = Spec("toy", 20.0, Layout((Field("step", (1,)),)), Layout((Field("u", (1,)),)))
    observation_names = ("step",)
    n_obs, horizon, n_action_steps = 1, 16, 6

    def predict(self, observation):
        time.sleep(0.3)
        return observation["step"][-1] + np.arange(16.0)[:, None]

    def reset(self, seed=None):
        pass


def test_for_ten_seconds_no_command_is_held_up_and_every_action_is_that_of_its_step():
    executor = make_executor(Slow(), ExecutionConfig("async"), simulated=False, latency=0.3)
    executor.reset(0)
    clock, period = SystemClock(), Slow.spec.period_ns
    woke, took, actions = [], [], []
    start = clock.now() + period
    for step in range(200):
        clock.sleep_until(start + step * period)
        begun = clock.now()
        actions.append(executor.act({"step": np.array([float(step)])}))
        woke.append((begun - start - step * period) * 1e-9)
        took.append((clock.now() - begun) * 1e-9)
    executor.close()
    # were the policy waited for, every sixth step would take 300 ms; a machine that stands still delays one or two
    assert np.quantile(took, 0.95) < 0.05, "each command is ready before the next one is due"
    assert all(a is None or a.item() == step for step, a in enumerate(actions))
    assert [a for a in actions[:6] if a is not None] == [], "300 ms are six periods"
    if max(woke) < 0.1 and max(executor.counts.seconds) < 0.4:  # else the machine stood still
        assert all(a is not None for a in actions[10:])
        assert executor.counts.overruns == 0
    assert sum(a is not None for a in actions) > 80
