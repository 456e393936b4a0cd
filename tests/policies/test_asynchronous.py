import threading
import time

import numpy as np
import pytest

from robot_rl.policies.asynchronous import AsyncExecutor
from robot_rl.policies.execution import PolicyUnavailableError
from robot_rl.spec import Field, Layout, Spec, SpecError


class Countdown:
    """Row k of a chunk asked for at observation x is 100 x + k, so an action tells when it was planned."""

    spec = Spec("toy", 20.0, Layout((Field("x", (1,)),)), Layout((Field("u", (1,)),)))
    observation_names = ("x",)
    n_obs, horizon, n_action_steps = 2, 8, 3
    down = False
    takes = 0.0

    def __init__(self):
        self.seeds = []
        self.threads = set()

    def predict(self, observation):
        self.threads.add(threading.get_ident())
        time.sleep(self.takes)
        if self.down:
            raise PolicyUnavailableError("the server is down")
        return 100 * observation["x"][-1] + np.arange(8.0)[:, None]

    def reset(self, seed=None):
        self.threads.add(threading.get_ident())
        self.seeds.append(seed)


class Continuing(Countdown):
    can_continue = True

    def __init__(self):
        super().__init__()
        self.asked = []

    def predict_onto(self, observation, committed, weights, frozen):
        self.asked.append((committed[:, 0].tolist(), weights, frozen))
        return np.where(weights[:, None] == 1, committed, self.predict(observation))


def act(executor, x):
    action = executor.act({"x": np.array([float(x)])})
    return None if action is None else action.item()


def play(executor, xs):
    return [act(executor, x) for x in xs]


def test_rows_that_passed_while_the_chunk_was_computed_are_skipped():
    executor = AsyncExecutor(Countdown(), latency=2)
    executor.reset(7)
    # asked for at 0, 3, 6, 9; there at 2, 5, 8, 11; row k is for step t + k
    assert play(executor, range(12)) == [None, None, 2, 3, 4, 302, 303, 304, 602, 603, 604, 902]
    assert executor.counts.held == 2 and executor.counts.overruns == 0 and executor.counts.chunks == 4
    assert executor.policy.seeds == [7]


def test_latency_zero_is_receding_horizon():
    executor = AsyncExecutor(Countdown(), latency=0)
    assert play(executor, range(7)) == [0, 1, 2, 300, 301, 302, 600]
    assert executor.counts.held == 0


def test_a_chunk_is_asked_for_earlier_when_its_rows_would_run_out():
    # horizon 8, latency 5: three steps after the last request, not eight
    executor = AsyncExecutor(Countdown(), 8, latency=4)
    actions = play(executor, range(20))
    assert actions[:4] == [None] * 4 and None not in actions[4:]
    assert executor.counts.overruns == 0


def test_when_a_chunk_runs_out_the_robot_holds_still_or_repeats_the_last_action_and_it_is_counted():
    # latency 6: asked for at 0, there at 6, asked again at 6, there at 12; rows 6 and 7 play at steps 6 and 7
    still = AsyncExecutor(Countdown(), latency=6)
    assert play(still, range(13)) == [None] * 6 + [6, 7] + [None] * 4 + [606]
    assert (still.counts.overruns, still.counts.held) == (4, 10)
    last = AsyncExecutor(Countdown(), latency=6, overrun="last")
    assert play(last, range(13)) == [None] * 6 + [6, 7] + [7] * 4 + [606]
    assert (last.counts.overruns, last.counts.held) == (4, 6)


def test_a_last_action_is_repeated_for_one_chunk_at_most():
    policy = Countdown()
    executor = AsyncExecutor(policy, latency=0, overrun="last")
    assert act(executor, 1) == 100
    policy.down = True
    assert play(executor, range(17)) == [101, 102, 103, 104, 105, 106, 107] + [107] * 8 + [None, None]
    assert (executor.counts.overruns, executor.counts.held) == (10, 2)


@pytest.mark.parametrize("how", ["interrupt", "observe"])
def test_after_somebody_elses_step_nothing_planned_before_is_played(how):
    executor = AsyncExecutor(Countdown(), latency=2)
    play(executor, range(4))  # a second chunk is under way
    if how == "interrupt":
        executor.interrupt()
    else:
        executor.observe({"x": np.array([4.0])})
    assert play(executor, [50, 51, 52]) == [None, None, 5002]


def test_a_latency_that_leaves_no_row_is_refused():
    with pytest.raises(ValueError, match=r"latency is 8 steps; it must lie in 0\.\.7"):
        AsyncExecutor(Countdown(), latency=8)


def test_real_time_chunking_hands_on_what_is_left_of_the_old_chunk():
    policy = Continuing()
    executor = AsyncExecutor(policy, latency=2, continuing=True)
    actions = play(executor, range(8))
    committed, weights, frozen = policy.asked[0]  # in step 3, of the chunk asked for in step 0
    assert committed == [3, 4, 5, 6, 7, 0, 0, 0] and frozen == 2
    assert weights[:2].tolist() == [1, 1] and weights[5:].tolist() == [0, 0, 0]
    assert np.all(np.diff(weights[1:6]) < 0)
    assert actions == [None, None, 2, 3, 4, 302, 303, 304]


def test_after_one_stall_real_time_chunking_goes_on_as_before():
    policy = Continuing()
    executor = AsyncExecutor(policy, latency=2, continuing=True)
    play(executor, range(3))
    executor._inference._latency = 40
    play(executor, range(3, 45))  # the chunk asked for in step 3 is there in step 43, long past its end
    executor._inference._latency = 2
    policy.asked.clear()
    play(executor, range(45, 80))
    assert len(policy.asked) >= 10, "asked for every three steps, as before"
    assert [frozen for _, _, frozen in policy.asked] == [2] * len(policy.asked)


def test_a_latency_of_more_than_half_a_chunk_is_not_reckoned_with():
    policy = Continuing()
    executor = AsyncExecutor(policy, latency=6, continuing=True)
    play(executor, range(7))
    executor._inference._latency = 2
    play(executor, range(7, 40))
    assert max(frozen for _, _, frozen in policy.asked) == 4


def test_a_chunk_that_is_no_numbers_is_not_continued():
    class Once(Continuing):
        broken = False

        def predict(self, observation):
            chunk = super().predict(observation)
            return chunk * np.nan if self.broken else chunk

        def predict_onto(self, observation, committed, weights, frozen):
            return super().predict_onto(observation, committed, weights, frozen) + 0 * committed.sum()

    policy = Once()
    executor = AsyncExecutor(policy, latency=2, continuing=True)
    play(executor, range(3))
    policy.broken = True
    act(executor, 3)  # asks for a chunk
    policy.broken = False
    actions = play(executor, range(4, 24))
    assert np.isnan(actions).any()
    assert np.isfinite(actions[16:]).all(), "within two chunks"


def test_real_time_chunking_needs_a_policy_that_can():
    with pytest.raises(SpecError, match="use execution async"):
        AsyncExecutor(Countdown(), continuing=True)


def test_an_unavailable_policy_holds_the_robot_says_so_once_and_is_asked_again(caplog):
    policy = Countdown()
    executor = AsyncExecutor(policy, latency=0)
    policy.down = True
    assert play(executor, range(3)) == [None] * 3
    assert executor.counts.failures == 3
    assert [r.message for r in caplog.records] == [
        "the policy does not answer, the robot holds still: the server is down"
    ]
    policy.down = False
    assert act(executor, 9) == 900
    assert caplog.records[-1].message == "the policy answers again"


def test_in_real_time_the_robot_does_not_wait_and_the_latency_is_measured():
    policy = Countdown()
    policy.takes, period = 0.12, 0.05
    executor = AsyncExecutor(policy)
    executor.reset(3)
    took, actions = [], []
    begun = time.perf_counter()
    for step in range(30):
        while time.perf_counter() < begun + step * period:
            time.sleep(0.001)
        start = time.perf_counter()
        actions.append(act(executor, step))
        took.append(time.perf_counter() - start)
    executor.close()
    assert sum(t > period for t in took) <= 2, "a robot that waited would have waited for each of its chunks"
    assert threading.get_ident() not in policy.threads, "policy and reset run in one thread, another than the robot's"
    planned = [(step, int(a) // 100, int(a) % 100) for step, a in enumerate(actions) if a is not None]
    assert len(planned) > 20 and all(asked + row == step for step, asked, row in planned)
    assert min(executor.counts.seconds) >= 0.12


def test_a_bug_in_the_policy_comes_out_of_act():
    class Broken(Countdown):
        def predict(self, observation):
            raise ZeroDivisionError("a bug")

    executor = AsyncExecutor(Broken())
    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        for _ in range(200):
            act(executor, 0)
            time.sleep(0.01)
    executor.close()
