import subprocess
import sys
import time

import numpy as np
import pytest

from robot_rl.policies.asynchronous import AsyncExecutor
from robot_rl.policies.ensembling import EnsembleExecutor
from robot_rl.policies.execution import ChunkExecutor, ExecutionError, PolicyUnavailableError
from robot_rl.policies.modes import (
    ExecutionConfig,
    TooSlowError,
    blank_observation,
    check_speed,
    chunk_seconds,
    make_executor,
    require_speed,
)
from robot_rl.spec import Field, Layout, Spec, SpecError


class Toy:
    spec = Spec(
        "toy",
        20.0,
        Layout((Field("x", (1,)), Field("ee", (7,), kind="pose"), Field("eye", (4, 4, 3), kind="image"))),
        Layout((Field("u", (1,)),)),
    )
    observation_names = ("ee", "eye")
    n_obs, horizon, n_action_steps = 2, 16, 8
    takes = 0.0
    down = False

    def predict(self, observation):
        time.sleep(self.takes)
        if self.down:
            raise PolicyUnavailableError("down")
        return np.zeros((16, 1))

    def reset(self, seed=None):
        pass


@pytest.mark.parametrize(
    ("mode", "kind"), [("receding", ChunkExecutor), ("ensemble", EnsembleExecutor), ("async", AsyncExecutor)]
)
def test_each_mode_has_its_executor(mode, kind):
    executor = make_executor(Toy(), ExecutionConfig(mode), simulated=False)
    assert type(executor) is kind
    executor.close()


def test_simulated_time_takes_the_latency_that_is_set_and_real_time_the_one_that_was_measured():
    config = ExecutionConfig("async", latency_steps=3)
    assert make_executor(Toy(), config, simulated=True, latency=0.4).latency == 3
    threaded = make_executor(Toy(), config, simulated=False, latency=0.26)
    assert threaded.latency == 6  # 5.2 periods of 50 ms
    threaded.close()


def test_real_time_chunking_is_refused_by_name_for_a_policy_that_cannot():
    with pytest.raises(SpecError, match="use execution async"):
        make_executor(Toy(), ExecutionConfig("rtc"), simulated=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "asnyc"}, "no execution 'asnyc'.*Did you mean 'async'"),
        ({"overrun": "jump"}, "overrun is 'jump'; it must be one of still, last"),
        ({"action_steps": -1}, "action_steps is -1"),
    ],
)
def test_a_wrong_setting_says_what_is_allowed(options, message):
    with pytest.raises(ValueError, match=message):
        ExecutionConfig(**options)


@pytest.mark.parametrize(
    ("mode", "option", "value", "instead"),
    [
        ("receding", "decay", 0.5, "ensemble"),
        ("async", "decay", 0.0, "ensemble"),
        ("receding", "overrun", "last", "async or rtc or slow_fast"),
        ("ensemble", "overrun", "last", "async or rtc or slow_fast"),
        ("ensemble", "action_steps", 3, "receding or async or rtc or slow_fast"),
        ("receding", "latency_steps", 2, "async or rtc or slow_fast"),
    ],
)
def test_an_option_that_does_nothing_in_a_mode_is_refused(mode, option, value, instead):
    with pytest.raises(
        ExecutionError, match=f"{option} is {value}, which does nothing in execution {mode}: .* {instead}$"
    ):
        ExecutionConfig(mode, **{option: value})
    usual = getattr(ExecutionConfig(mode), option)
    assert ExecutionConfig(mode, **{option: usual}) == ExecutionConfig(mode), "its default is no choice"
    assert getattr(ExecutionConfig(instead.split()[0], **{option: value}), option) == value


def test_a_policy_that_brings_its_own_execution_takes_no_number_of_steps():
    class Agent(Toy):
        def make_executor(self):
            return "own"

    assert make_executor(Agent(), ExecutionConfig(), simulated=True) == "own"
    with pytest.raises(ExecutionError, match="action_steps is 3; this policy brings its own"):
        make_executor(Agent(), ExecutionConfig(action_steps=3), simulated=True)


def test_the_time_of_a_chunk_is_measured_on_an_observation_of_the_right_shape():
    policy = Toy()
    policy.takes = 0.02
    assert 0.02 <= chunk_seconds(policy, repeats=3) < 1.0
    blank = blank_observation(policy)
    assert blank["ee"].tolist() == [[0, 0, 0, 0, 0, 0, 1]] * 2
    assert blank["eye"].shape == (2, 4, 4, 3) and blank["eye"].dtype == np.uint8


def test_of_real_time_chunking_the_time_of_a_continued_chunk_is_measured():
    class Continuing(Toy):
        can_continue = True

        def predict_onto(self, observation, committed, weights, frozen):
            time.sleep(0.3)
            return committed

    assert chunk_seconds(Continuing(), repeats=2) < 0.2
    assert chunk_seconds(Continuing(), continuing=True, repeats=2) >= 0.3


@pytest.mark.parametrize("mode", ["receding", "ensemble"])
def test_a_policy_slower_than_the_rate_is_refused_with_both_figures(mode):
    require_speed(Toy(), ExecutionConfig(mode), 0.049)
    with pytest.raises(
        TooSlowError, match=r"a chunk takes 51 ms, and robot 'toy' wants an action every 50 ms \(20 Hz\)"
    ):
        require_speed(Toy(), ExecutionConfig(mode), 0.051)


def test_asynchronously_it_may_take_half_as_long_as_a_chunk_lasts():
    require_speed(Toy(), ExecutionConfig("async"), 0.4)  # 8 of 16 steps
    with pytest.raises(TooSlowError, match=r"takes 401 ms, and lasts 800 ms \(16 steps at 20 Hz\)"):
        require_speed(Toy(), ExecutionConfig("async"), 0.401)


def test_receding_execution_holds_while_the_policy_is_unavailable():
    policy = Toy()
    executor = ChunkExecutor(policy)
    values = {n: v[0] for n, v in blank_observation(policy).items()}
    policy.down = True
    assert executor.act(values) is None
    policy.down = False
    assert executor.act(values) is not None
    assert (executor.counts.held, executor.counts.failures, executor.counts.chunks) == (1, 1, 2)


def test_every_mode_works_without_torch():
    code = "import sys, robot_rl.policies.modes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_policy_gets_more_attempts_on_a_machine_that_is_busy_starting_up(monkeypatch):
    took = iter([0.09, 0.03])
    monkeypatch.setattr("robot_rl.policies.modes.chunk_seconds", lambda policy, continuing: next(took))
    assert check_speed(Toy(), ExecutionConfig(), attempts=3, pause=0.0) == 0.03
    took = iter([0.09, 0.07])
    with pytest.raises(TooSlowError, match="takes 70 ms"):
        check_speed(Toy(), ExecutionConfig(), attempts=2, pause=0.0)
