import math

import numpy as np
import pytest

from robot_rl.policies.ensembling import EnsembleExecutor, ensemble
from robot_rl.policies.execution import PolicyUnavailableError
from robot_rl.spec import Field, Layout, Spec, SpecError


class Countdown:
    """Row k of a chunk asked for at observation x is 100 x + k."""

    spec = Spec("toy", 10.0, Layout((Field("x", (1,)),)), Layout((Field("u", (1,)),)))
    observation_names = ("x",)
    n_obs, horizon, n_action_steps = 1, 3, 3
    down = False

    def predict(self, observation):
        if self.down:
            raise PolicyUnavailableError("down")
        return 100 * observation["x"][-1] + np.arange(3.0)[:, None]

    def reset(self, seed=None):
        pass


def act(executor, x):
    action = executor.act({"x": np.array([float(x)])})
    return None if action is None else action.item()


def test_the_oldest_prediction_weighs_most():
    rows = np.array([[1.0, 0.0], [2.0, 4.0]])
    w = math.exp(-0.5)
    np.testing.assert_allclose(ensemble(rows, 0.5), [(1 + 2 * w) / (1 + w), 4 * w / (1 + w)])
    np.testing.assert_allclose(ensemble(rows, 0.0), [1.5, 2.0])


def test_each_action_is_the_mean_of_what_all_living_chunks_say_of_the_step():
    executor = EnsembleExecutor(Countdown(), decay=0.0)
    executor.reset(0)
    # step 3: rows 2 of chunk 1 (102), 1 of chunk 2 (201), 0 of chunk 3 (300); chunk 0 has run out
    assert [act(executor, x) for x in range(4)] == [0, (1 + 100) / 2, (2 + 101 + 200) / 3, (102 + 201 + 300) / 3]


@pytest.mark.parametrize("how", ["interrupt", "observe", "reset"])
def test_what_was_planned_does_not_outlive_somebody_elses_step(how):
    executor = EnsembleExecutor(Countdown())
    act(executor, 0)
    if how == "observe":
        executor.observe({"x": np.ones(1)})
    else:
        getattr(executor, how)()
    assert act(executor, 7) == 700


def test_headings_are_averaged_the_short_way_round():
    policy = Countdown()
    yaw = Field("yaw", (1,), unit="rad", low=(-3.1416,), high=(3.1416,), wraps=True)
    policy.spec = Spec("toy", 10.0, policy.spec.observation, Layout((Field("u", (1,)), yaw)))
    policy.predict = lambda observation: np.tile(np.append(observation["x"][-1], observation["x"][-1]), (3, 1))
    executor = EnsembleExecutor(policy, decay=0.0)
    executor.act({"x": np.array([3.1])})
    u, heading = executor.act({"x": np.array([-3.0])})
    assert u == pytest.approx(0.05), "a plain number has a plain mean"
    assert heading == pytest.approx((3.1 - 3.0) / 2 - np.pi), "half way over pi, and inside its bounds"


def test_an_unavailable_policy_is_bridged_by_earlier_chunks_and_then_holds():
    policy = Countdown()
    executor = EnsembleExecutor(policy)
    assert act(executor, 5) == 500
    policy.down = True
    assert [act(executor, 0) for _ in range(3)] == [501, 502, None]
    assert (executor.counts.failures, executor.counts.held) == (3, 1)
    policy.down = False
    assert act(executor, 6) == 600


def test_poses_and_senseless_decays_are_refused():
    policy = Countdown()
    with pytest.raises(ValueError, match="decay of the ensemble is -1"):
        EnsembleExecutor(policy, -1)
    policy.spec = Spec("toy", 10.0, policy.spec.observation, Layout((Field("target", (7,), kind="pose"),)))
    with pytest.raises(SpecError, match="'target' is a pose"):
        EnsembleExecutor(policy)
