"""Execution of a slow plan by a fast decoder, step by step, with a policy whose numbers can be followed by hand."""

import time

import numpy as np
import pytest

from robot_rl.policies.modes import ExecutionConfig, TooSlowError, check_speed, make_executor, reaction_seconds
from robot_rl.policies.reactive import SlowFastExecutor
from robot_rl.spec import Field, Layout, Spec, SpecError


class Toy:
    """Plans are the time of asking; an action says plan, row, and all that was sensed since."""

    spec = Spec("toy", 20.0, Layout((Field("t", (1,)), Field("f", (1,)))), Layout((Field("u", (1,)),)))
    observation_names = ("t", "f")
    fast_names = ("f",)
    n_obs, horizon, n_action_steps = 1, 6, 4
    can_react = True

    def __init__(self):
        self.reactions = []

    def predict(self, observation):
        return np.zeros((6, 1))

    def reset(self, seed=None):
        pass

    def plan(self, observation):
        return observation["t"].astype(float)

    def react(self, plan, row, fast, observation):
        assert observation["t"][0] == plan[0], "the observation is the one that the plan was made from"
        self.reactions.append((float(plan[0, 0]), row, fast["f"][:, 0].tolist()))
        return fast["f"][-1]


def values(t):
    return {"t": np.array([float(t)]), "f": np.array([10.0 * t])}


def run(steps, **options):
    policy = Toy()
    executor = make_executor(policy, ExecutionConfig("slow_fast", **options), simulated=True)
    executor.reset()
    return policy, executor, [executor.act(values(t)) for t in steps]


def test_every_step_reacts_to_the_newest_reading_and_to_all_since_the_plan_was_asked_for():
    policy, executor, actions = run(range(6), latency_steps=0)
    assert [a[0] for a in actions] == [0, 10, 20, 30, 40, 50]
    assert policy.reactions[:4] == [(0, 0, [0]), (0, 1, [0, 10]), (0, 2, [0, 10, 20]), (0, 3, [0, 10, 20, 30])]
    assert policy.reactions[4:] == [(4, 0, [40]), (4, 1, [40, 50])]
    assert isinstance(executor, SlowFastExecutor) and executor.counts.chunks == 2


def test_a_plan_that_arrives_late_is_followed_as_if_from_its_first_row():
    policy, executor, actions = run(range(7), latency_steps=2)
    assert [a is None for a in actions] == [True, True, False, False, False, False, False]
    assert policy.reactions[0] == (0, 2, [0, 10, 20])
    assert policy.reactions[3] == (0, 5, [0, 10, 20, 30, 40, 50]), "asked again in step 4, still the old plan"
    assert policy.reactions[4] == (4, 2, [40, 50, 60])
    assert executor.counts.held == 2 and executor.counts.overruns == 0


def test_a_plan_that_has_run_out_goes_on_with_its_last_row_or_holds_still():
    options = {"latency_steps": 5, "action_steps": 6}
    policy, executor, actions = run(range(9), **options, overrun="last")
    assert [a is None for a in actions] == [True] * 5 + [False] * 4
    assert policy.reactions[1] == (0, 5, [10, 20, 30, 40, 50, 60])
    assert executor.counts.overruns > 0
    assert run(range(9), **options)[2][6] is None


def test_somebody_elses_step_drops_the_plan_and_the_next_one_starts_afresh():
    policy, executor, _ = run(range(2), latency_steps=0)
    executor.observe(values(2))
    executor.act(values(3))
    assert policy.reactions[-1] == (3, 0, [30])
    executor.interrupt()
    executor.act(values(4))
    assert policy.reactions[-1] == (4, 0, [40])


def test_in_real_time_the_fast_path_goes_on_while_a_plan_is_made():
    policy = Toy()
    executor = make_executor(policy, ExecutionConfig("slow_fast"), simulated=False, latency=0.01)
    executor.reset()
    given = []
    for t in range(2000):
        action = executor.act(values(t))
        given.append(None if action is None else action[0])
        if sum(g is not None for g in given) > 20:
            break
        time.sleep(5e-4)
    executor.close()
    assert all(g in (None, 10.0 * t) for t, g in enumerate(given)) and any(g is not None for g in given)


def test_a_policy_without_a_fast_path_is_refused():
    policy = Toy()
    policy.can_react = False
    with pytest.raises(SpecError, match="no fast path .*use execution receding or async"):
        make_executor(policy, ExecutionConfig("slow_fast"), simulated=True)
    assert reaction_seconds(policy) == 0.0


def test_a_fast_path_slower_than_the_robots_rate_is_refused_with_both_figures(monkeypatch):
    assert check_speed(Toy(), ExecutionConfig("slow_fast")) < 0.05
    monkeypatch.setattr("robot_rl.policies.modes.reaction_seconds", lambda policy: 0.07)
    with pytest.raises(TooSlowError, match=r"an action takes 70 ms, and robot 'toy' wants one every 50 ms \(20 Hz\)"):
        check_speed(Toy(), ExecutionConfig("slow_fast"))
