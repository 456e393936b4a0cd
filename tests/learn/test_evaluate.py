import re
import shlex
import threading
from pathlib import Path

import numpy as np
import pytest
import tyro

from robot_rl.commands import deploy
from robot_rl.hardware import config as hardware_config
from robot_rl.learn import evaluate as evaluation
from robot_rl.learn.config import TrainingError
from robot_rl.learn.evaluate import EvaluationResult, Trial, evaluate, manner
from robot_rl.policies import checkpoint
from robot_rl.policies.checkpoint import CheckpointError
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.flow import FlowConfig
from robot_rl.policies.modes import ExecutionConfig, TooSlowError
from robot_rl.policies.normalization import Statistics
from robot_rl.serving.client import RemoteError
from robot_rl.spec import Layout

pytest.importorskip("mujoco")


@pytest.fixture
def untrained(tmp_path: Path) -> Path:
    """A policy with random weights for the simulated quadrotor."""
    spec = hardware_config.load("sim_crazyflie").spec
    rng = np.random.default_rng(0)
    inputs = Layout((spec.observation["pose"],))
    statistics = {
        "pose": Statistics.of(rng.normal(size=(9, 7))),
        "action": Statistics.of(rng.normal(size=(9, spec.action.size))),
    }
    quick = FlowConfig(width=16, depth=1, sampling_steps=2)  # in time on a busy machine too
    policy = ChunkPolicy(spec, inputs, PolicyConfig(horizon=4, n_action_steps=2, head=quick), statistics)
    return checkpoint.save(tmp_path / "policy", policy, statistics)


def outcome(result: EvaluationResult) -> list[tuple[int, bool, int, float]]:
    return [(t.seed, t.success, t.steps, t.reward) for t in result.trials]


def test_an_evaluation_is_reproducible_and_survives_its_file(untrained, tmp_path):
    seen: list[Trial] = []
    first = evaluate(untrained, "sim_crazyflie", [7, 3], max_steps=12, progress=seen.append)
    assert [t.seed for t in first.trials] == [7, 3] and len(seen) == 2
    assert [t.steps for t in first.trials] == [12, 12] and first.proportion.trials == 2
    assert outcome(evaluate(untrained, "sim_crazyflie", [7, 3], max_steps=12)) == outcome(first)
    first.save(tmp_path / "e.json")
    assert EvaluationResult.load(tmp_path / "e.json") == first


def test_a_result_says_how_it_was_played_and_with_which_weights(untrained):
    usual = evaluate(untrained, "sim_crazyflie", [7], max_steps=3)
    assert usual.execution == "receding, at most 3 steps" and usual.weights == checkpoint.weights_digest(untrained)
    plain = ExecutionConfig()
    assert manner(plain) == "receding"
    many = ExecutionConfig(mode="rtc", latency_steps=4, samples=16, action_steps=2)
    assert manner(many, control_mode="position") == "rtc, latency 4, 2 actions of a chunk, best of 16, position"


def test_a_chunk_that_takes_longer_than_is_simulated_is_said(untrained, monkeypatch, caplog):
    monkeypatch.setattr(evaluation, "check_speed", lambda policy, execution: 0.05)
    evaluate(untrained, "sim_crazyflie", [7], max_steps=3, execution=ExecutionConfig(mode="async", latency_steps=1))
    assert "a chunk takes 50 ms here, 3 control steps, and is simulated to take 1" in caplog.text  # at 50 Hz
    assert "give --latency-steps 3" in caplog.text
    caplog.clear()
    evaluate(untrained, "sim_crazyflie", [7], max_steps=3, execution=ExecutionConfig(mode="async", latency_steps=3))
    evaluate(untrained, "sim_crazyflie", [7], max_steps=3)
    assert "latency-steps" not in caplog.text


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_of_a_real_robot_the_command_that_evaluates_it_is_said(device, untrained, tmp_path):
    real = tmp_path / "my drone" / "robot.yaml"
    real.parent.mkdir()
    text = hardware_config.load("sim_crazyflie").path.read_text()
    real.write_text(re.sub(r"^driver: .*$", "driver: my_lab.drone:Drone", text, flags=re.MULTILINE))
    way = ExecutionConfig(mode="rtc", latency_steps=3, overrun="last")
    with pytest.raises(TrainingError, match="is real, a person begins and marks its trials: robot-rl") as refused:
        evaluate(untrained, str(real), range(20), execution=way, max_steps=99, device=device)
    command = shlex.split(str(refused.value).partition("trials: ")[2])
    assert command[:2] == ["robot-rl", "deploy"]
    options = tyro.cli(deploy.Options, args=command[2:])
    assert (options.purpose, options.checkpoint, options.robot) == ("evaluation", str(untrained), str(real))
    assert (options.episodes, options.max_steps, options.dataset) == (20, 99, "my drone_trials")
    assert options.policy_device == device and options.device == "gamepad"
    assert options.policy.config == ExecutionConfig(mode="rtc", overrun="last"), "the latency is measured there"


@pytest.mark.slow
def test_processes_share_the_seeds_and_change_nothing(untrained):
    alone = evaluate(untrained, "sim_crazyflie", [5, 6, 7], max_steps=5)
    together = evaluate(untrained, "sim_crazyflie", [5, 6, 7], max_steps=5, processes=2)
    assert outcome(alone) == outcome(together)


def test_two_results_are_compared_on_the_same_seeds_only():
    def result(*successes: bool, first_seed: int = 0) -> EvaluationResult:
        trials = tuple(Trial(first_seed + i, s, 10, 0.0, {}, 0.0) for i, s in enumerate(successes))
        return EvaluationResult("c", "r", trials, 1.0)

    comparison = result(True, True, True).against(result(True, False, False))
    assert (comparison.only_second, comparison.only_first) == (2, 0)
    with pytest.raises(ValueError, match="same initial states"):
        result(True).against(result(True, first_seed=1))


def test_a_policy_of_another_robot_and_repeated_seeds_are_refused(untrained):
    with pytest.raises(CheckpointError, match="does not fit robot 'sim_lift'"):
        evaluate(untrained, "sim_lift", [0])
    with pytest.raises(TrainingError, match="distinct seeds"):
        evaluate(untrained, "sim_crazyflie", [1, 1])


def test_a_policy_that_could_not_keep_up_is_refused_with_both_figures_unless_that_is_allowed(untrained, monkeypatch):
    monkeypatch.setattr("robot_rl.policies.modes.chunk_seconds", lambda policy, continuing: 0.5)
    with pytest.raises(TooSlowError, match=r"takes 500 ms, and robot 'sim_crazyflie' wants an action every 20 ms"):
        evaluate(untrained, "sim_crazyflie", [0], max_steps=3)
    assert evaluate(untrained, "sim_crazyflie", [0], max_steps=3, allow_slow=True).trials[0].steps == 3


@pytest.mark.parametrize("mode", ["ensemble", "async", "rtc"])
def test_every_way_of_execution_is_reproducible(untrained, mode):
    execution = ExecutionConfig(mode, latency_steps=1)
    options = {"execution": execution, "max_steps": 12, "allow_slow": True}  # of a machine that is busy besides
    results = [evaluate(untrained, "sim_crazyflie", [2], **options) for _ in range(2)]
    assert outcome(results[0]) == outcome(results[1])


def test_a_policy_server_is_evaluated_as_its_checkpoint_is(untrained):
    pytest.importorskip("websockets", reason="needs robot_rl[serve]")
    from robot_rl.serving.server import PolicyServer

    server = PolicyServer(checkpoint.load(untrained), port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        remote = evaluate(f"ws://127.0.0.1:{server.port}", "sim_crazyflie", [4, 5], max_steps=8, allow_slow=True)
        with pytest.raises(RemoteError, match="does not fit robot 'sim_lift'"):
            evaluate(f"ws://127.0.0.1:{server.port}", "sim_lift", [4])
    finally:
        server.close()
        thread.join(10)
    assert remote.checkpoint.startswith("ws://")
    assert outcome(remote) == outcome(evaluate(untrained, "sim_crazyflie", [4, 5], max_steps=8))


def test_a_server_that_could_not_keep_up_is_refused_too(untrained, monkeypatch):
    pytest.importorskip("websockets", reason="needs robot_rl[serve]")
    from robot_rl.serving.server import PolicyServer

    server = PolicyServer(checkpoint.load(untrained), port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    monkeypatch.setattr("robot_rl.policies.modes.chunk_seconds", lambda policy, continuing: 0.3)
    try:
        with pytest.raises(TooSlowError, match=r"takes 300 ms, and robot 'sim_crazyflie' wants an action every 20 ms"):
            evaluate(f"ws://127.0.0.1:{server.port}", "sim_crazyflie", [4], max_steps=8)
    finally:
        server.close()
        thread.join(10)
