import subprocess
import sys

import numpy as np
import pytest

from robot_rl.policies.execution import ChunkExecutor
from robot_rl.spec import Field, Layout, Spec, SpecError


class Countdown:
    """Row k of a chunk asked for at observation x is 100 x + k, so an action tells when it was planned."""

    spec = Spec("toy", 10.0, Layout((Field("x", (1,)),)), Layout((Field("u", (1,)),)))
    observation_names = ("x",)
    n_obs, horizon, n_action_steps = 2, 8, 3

    def __init__(self):
        self.seen = []
        self.seeds = []

    def predict(self, observation):
        self.seen.append(observation["x"][:, 0].tolist())
        return 100 * observation["x"][-1] + np.arange(8.0)[:, None]

    def reset(self, seed=None):
        self.seeds.append(seed)


def play(executor, xs):
    return [executor.act({"x": np.array([float(x)])}).item() for x in xs]


def test_a_chunk_begins_at_the_newest_observation_and_is_replaced_when_spent():
    policy = Countdown()
    executor = ChunkExecutor(policy)
    executor.reset(seed=7)
    assert play(executor, range(7)) == [0, 1, 2, 300, 301, 302, 600]
    assert policy.seen == [[0, 0], [2, 3], [5, 6]]
    assert policy.seeds == [7]


def test_n_action_steps_can_be_overridden_within_the_horizon():
    assert play(ChunkExecutor(Countdown(), 1), range(3)) == [0, 100, 200]
    assert play(ChunkExecutor(Countdown(), 8), range(9))[-2:] == [7, 800]
    for wrong in (0, 9):
        with pytest.raises(ValueError, match=r"1\.\.8"):
            ChunkExecutor(Countdown(), wrong)


def test_after_an_interruption_the_next_action_is_row_zero_of_a_new_chunk_with_history_kept():
    policy = Countdown()
    executor = ChunkExecutor(policy)
    play(executor, [0, 1])
    executor.interrupt()
    assert play(executor, [2, 3]) == [200, 201]
    assert policy.seen[-1] == [1, 2]


def test_while_another_drives_observations_keep_the_history_current():
    policy = Countdown()
    executor = ChunkExecutor(policy)
    play(executor, [0])
    for x in (1, 2, 3):
        executor.interrupt()
        executor.observe({"x": np.array([float(x)])})
    assert play(executor, [4]) == [400]
    assert policy.seen[-1] == [3, 4]


def test_steps_nobody_observed_do_not_enter_the_history_as_one_step():
    policy = Countdown()
    executor = ChunkExecutor(policy)
    play(executor, [0, 1])
    executor.interrupt()
    executor.interrupt()
    assert play(executor, [40]) == [4000]
    assert policy.seen[-1] == [40, 40]


def test_an_episode_forgets_the_one_before():
    policy = Countdown()
    executor = ChunkExecutor(policy)
    play(executor, [0, 1])
    executor.reset()
    assert play(executor, [5]) == [500]
    assert policy.seen[-1] == [5, 5]


def test_a_driver_that_reuses_its_buffer_does_not_corrupt_the_history():
    policy = Countdown()
    executor = ChunkExecutor(policy, 1)
    buffer = np.array([1.0])
    executor.act({"x": buffer})
    buffer[:] = 2.0
    executor.act({"x": buffer})
    assert policy.seen[-1] == [1, 2]


def test_a_returned_action_can_be_changed_without_changing_the_chunk():
    executor = ChunkExecutor(Countdown())
    executor.act({"x": np.zeros(1)})[:] = 99
    assert executor._chunk is not None and executor._chunk[0, 0] == 0


def test_a_missing_observation_is_named():
    with pytest.raises(SpecError, match="needs 'x'; the robot gives y"):
        ChunkExecutor(Countdown()).act({"y": np.zeros(1)})


def test_execution_does_not_import_torch():
    code = "import sys, robot_rl.policies.execution; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
