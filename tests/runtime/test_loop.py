from __future__ import annotations

import time
from typing import ClassVar

import numpy as np
import pytest

from robot_rl.control.safety import Safety
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.record import Phase, Source
from robot_rl.datasets.verdicts import recorded
from robot_rl.hardware.camera import CameraError, Frame
from robot_rl.hardware.clock import SystemClock
from robot_rl.hardware.config import CameraConfig
from robot_rl.hardware.robot import Outcome, RobotError
from robot_rl.hardware.teleop import Teleop
from robot_rl.policies.execution import ChunkExecutor
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeMachine, EpisodeRules
from robot_rl.runtime.loop import run_episode
from robot_rl.runtime.recorder import Recorder

IDLE: tuple = ({}, set())


@pytest.fixture
def parts(robot, spec, limits):
    """Robot, arbiter and episode machine; call with the rules."""
    return lambda **rules: (robot, Arbiter(spec, limits), EpisodeMachine(EpisodeRules(**rules)))


@pytest.fixture
def dataset(tmp_path, spec):
    with Dataset.create(tmp_path / "data", spec) as data:
        yield data


def test_a_policy_reaches_the_goal_and_the_episode_ends_in_success(parts, seek, spec):
    policy = seek(spec)
    result = run_episode(
        *parts(max_steps=100, success_hold=2), executor=ChunkExecutor(policy), seed=3, purpose="evaluation"
    )
    # 0.15 m and 0.03 m at 0.2 m/s, 10 mm a step, to within 20 mm: 14 steps, and one more for the hold
    assert result.success and result.ending.terminated
    assert result.ending.steps == 15 == result.timing.ticks
    assert result.sources == {Source.POLICY: 15}
    assert policy.asked == 4 and policy.seeds == [3]


def test_the_time_limit_cuts_an_episode_off(parts):
    result = run_episode(*parts(max_steps=7), purpose="deployment")
    assert (result.ending.result, result.ending.truncated, result.ending.steps) == ("failure", True, 7)
    assert result.sources == {Source.NONE: 7}


@pytest.mark.parametrize("real", [False, True])
def test_an_episode_of_a_real_robot_that_is_cut_off_is_noted_as_judged_by_nobody(parts, robot, dataset, real):
    if real:
        robot.outcome = None
    result = run_episode(*parts(max_steps=7), recorder=Recorder(dataset), purpose="evaluation")
    (episode,) = dataset
    assert result.verdict == recorded(episode.success, episode.attributes) == ("unjudged" if real else "failure")


def test_equal_seeds_give_equal_episodes(parts, seek, spec):
    robot, arbiter, machine = parts(max_steps=30)
    sent = []
    for _ in range(2):
        run_episode(robot, arbiter, machine, executor=ChunkExecutor(seek(spec)), seed=5, purpose="evaluation")
        sent.append(np.array(robot.sent))
    np.testing.assert_array_equal(sent[0], sent[1])


def test_a_demonstration_is_recorded_step_by_step(parts, hand, spec, teleop_section, dataset):
    robot, arbiter, machine = parts(max_steps=100)
    operator = hand({0: ({"x": 1.0}, {"clutch"}), 4: ({"x": 1.0}, {"clutch", "close"})})
    result = run_episode(
        robot,
        arbiter,
        machine,
        operator=operator,
        teleop=Teleop(spec, teleop_section),
        recorder=Recorder(dataset),
        seed=0,
        attributes={"instruction": "go there"},
    )
    assert result.success and result.number == 0 and not any(operator.seen)
    episode = dataset[0]
    steps, n = episode.steps, result.ending.steps
    assert len(episode) == n and episode.attributes["instruction"] == "go there"
    assert (steps["source"] == Source.HUMAN).all() and (steps["phase"] == Phase.DEMONSTRATION).all()
    np.testing.assert_array_equal(steps["executed"], robot.sent)
    np.testing.assert_allclose(steps["executed"][:4, 0], 0.2)
    np.testing.assert_array_equal(steps["executed"][:6, 6], [0, 0, 0, 0, 1, 1])
    assert steps["success"].tolist() == [False] * (n - 1) + [True]
    assert steps["terminated"].tolist() == [False] * (n - 1) + [True]
    assert not steps["truncated"].any()
    assert (np.diff(steps["stamp"]) == spec.period_ns).all()
    # the pose stream starts with the first step and holds the state after the last one
    stream = episode.stream("ee_pose")
    assert len(stream.stamps) == n + 1 and stream.stamps[0] == steps["stamp"][0]
    np.testing.assert_allclose(stream.values[-1], robot.pose)
    np.testing.assert_allclose(steps["reward"], -np.linalg.norm(stream.values[1:, :3] - robot.goal, axis=1), rtol=1e-6)


def test_an_intervention_shows_in_every_column(parts, hand, seek, spec, teleop_section, dataset):
    policy = seek(spec, towards=-1.0)
    moves = {0: IDLE, 10: ({}, {"rewind"}), 16: ({"x": 1.0}, {"clutch"}), 22: IDLE}
    result = run_episode(
        *parts(max_steps=34),
        executor=ChunkExecutor(policy),
        operator=hand(moves),
        teleop=Teleop(spec, teleop_section),
        recorder=Recorder(dataset),
        seed=1,
        purpose="deployment",
    )
    steps = dataset[0].steps
    P, H, R, N = Source.POLICY, Source.HUMAN, Source.REWIND, Source.NONE
    assert steps["source"].tolist() == [P] * 10 + [R] * 6 + [H] * 6 + [N] * 7 + [P] * 5
    A, REC, C = Phase.AUTONOMOUS, Phase.RECOVERY, Phase.CORRECTION
    assert steps["phase"].tolist() == [A] * 10 + [REC] * 6 + [C] * 12 + [A] * 6
    assert result.ending.interventions == 1
    assert np.isfinite(steps["human"]).all(axis=1).tolist() == [False] * 16 + [True] * 6 + [False] * 12
    # a chunk of four: asked at 0, 4, 8, and afresh when the policy is heard again
    assert policy.asked == 3 + 2
    assert (steps["executed"][11:16, 0] > 0).all() and (steps["executed"][:10, 0] < 0).all()


class Diary:
    """Writes down how it is called, one letter a call; always proposes to close the gripper."""

    def __init__(self) -> None:
        self.calls = ""

    def reset(self, seed=None) -> None:
        self.calls += "r"

    def act(self, values):
        self.calls += "a"
        return np.array([0.0] * 6 + [1.0])

    def observe(self, values) -> None:
        self.calls += "o"

    def interrupt(self) -> None:
        self.calls += "i"


def test_the_policy_is_asked_or_shown_every_step_and_told_when_it_did_not_act(parts, hand, spec, teleop_section):
    diary = Diary()
    moves = {0: IDLE, 3: ({}, {"clutch"}), 6: IDLE}
    run_episode(
        *parts(max_steps=18),
        executor=diary,
        operator=hand(moves),
        teleop=Teleop(spec, teleop_section),
        purpose="deployment",
    )
    # three steps of its own; the fourth is taken from it; in control until 0.5 s after the take-over
    assert diary.calls == "r" + "aaa" + "ai" + "o" * 10 + "aaaa"


def test_the_human_takes_over_the_gripper_as_the_policy_left_it(parts, hand, spec, teleop_section, dataset):
    run_episode(
        *parts(max_steps=6),
        executor=Diary(),
        operator=hand({0: IDLE, 3: ({}, {"clutch"})}),
        teleop=Teleop(spec, teleop_section),
        recorder=Recorder(dataset),
        purpose="deployment",
    )
    steps = dataset[0].steps
    assert (steps["executed"][:, 6] == 1.0).all() and (steps["human"][3:, 6] == 1.0).all()


def test_the_human_marks_the_episode(parts, hand, spec, teleop_section, dataset):
    moves = {0: ({"y": 1.0}, {"clutch"}), 5: ({"y": 1.0}, {"clutch", "failure"})}
    result = run_episode(
        *parts(), operator=hand(moves), teleop=Teleop(spec, teleop_section), recorder=Recorder(dataset)
    )
    assert (result.ending.result, result.ending.steps) == ("failure", 5)
    assert dataset[0].steps["terminated"].tolist() == [False] * 4 + [True]


def test_a_late_mark_drops_the_steps_after_the_moment_it_meant(parts, hand, spec, teleop_section, dataset):
    moves = {0: ({"y": 1.0}, {"clutch"}), 12: ({"y": 1.0}, {"clutch", "success"})}
    result = run_episode(
        *parts(latency=0.2), operator=hand(moves), teleop=Teleop(spec, teleop_section), recorder=Recorder(dataset)
    )
    # pressed at the start of step 12, meant four steps earlier: the step that began then is the last
    assert result.ending.steps == 9 == len(dataset[0])
    assert dataset[0].steps["success"].tolist() == [False] * 8 + [True]
    stamps = dataset[0].steps["stamp"]
    assert dataset[0].end == stamps[-1] + (stamps[-1] - stamps[-2]), "it ended when the first step dropped began"


def test_a_mark_may_come_after_the_time_limit_that_it_means_to_be_before(parts, hand, spec, teleop_section, dataset):
    moves = {0: ({"y": 1.0}, {"clutch"}), 12: ({"y": 1.0}, {"clutch", "success"})}
    result = run_episode(
        *parts(latency=0.2, max_steps=10), operator=hand(moves), teleop=Teleop(spec, teleop_section),
        recorder=Recorder(dataset),
    )  # fmt: skip
    assert result.success and result.ending.steps == 9 == len(dataset[0])


def test_what_was_done_while_a_late_mark_was_awaited_is_not_recorded(parts, hand, spec, teleop_section, dataset):
    result = run_episode(
        *parts(latency=0.2, max_steps=10), operator=hand({0: ({"y": 1.0}, {"clutch"})}),
        teleop=Teleop(spec, teleop_section), recorder=Recorder(dataset),
    )  # fmt: skip
    assert result.ending.truncated and result.ending.steps == 10 == len(dataset[0]) == sum(result.sources.values())
    steps = dataset[0].steps
    assert steps["truncated"].tolist() == [False] * 9 + [True]
    assert dataset[0].end == 2 * steps["stamp"][-1] - steps["stamp"][-2]


def test_a_button_held_from_before_is_not_a_mark(parts, hand, spec, teleop_section):
    result = run_episode(
        *parts(max_steps=5), operator=hand({0: ({}, {"clutch", "success"})}), teleop=Teleop(spec, teleop_section)
    )
    assert result.ending.truncated and result.ending.steps == 5


def test_a_discarded_episode_leaves_nothing(parts, hand, spec, teleop_section, dataset):
    moves = {0: ({}, {"clutch"}), 3: ({}, {"discard", "success"})}
    result = run_episode(
        *parts(), operator=hand(moves), teleop=Teleop(spec, teleop_section), recorder=Recorder(dataset)
    )
    assert result.ending.result == "discarded" and result.number is None and len(dataset) == 0


def test_the_emergency_stop_stops_the_robot_and_ends_the_episode(parts, hand, seek, spec, teleop_section):
    robot, arbiter, machine = parts()
    result = run_episode(
        robot,
        arbiter,
        machine,
        executor=ChunkExecutor(seek(spec)),
        operator=hand({0: IDLE, 4: ({}, {"estop"})}),
        teleop=Teleop(spec, teleop_section),
        purpose="evaluation",
    )
    assert result.ending.steps == 5 and result.safety[Safety.ESTOP] == 1
    assert len(robot.sent) == 4 and robot.stops == 2, "told to stop in place of a command"
    assert arbiter.envelope.stopped
    sent = len(robot.sent)
    with pytest.raises(RobotError, match="emergency stop is latched"):
        run_episode(robot, arbiter, machine, executor=ChunkExecutor(seek(spec)), purpose="evaluation")
    assert len(robot.sent) == sent > 0, "it was not reset"
    arbiter.release_estop()
    assert run_episode(robot, arbiter, machine, executor=ChunkExecutor(seek(spec)), purpose="evaluation").ending.steps


def test_a_robot_that_fails_is_stopped_and_its_episode_dropped(parts, seek, spec, dataset):
    robot, arbiter, machine = parts(max_steps=50)
    recorder = Recorder(dataset)
    robot.fails_at = 6
    with pytest.raises(RobotError, match="cable"):
        run_episode(
            robot, arbiter, machine, executor=ChunkExecutor(seek(spec)), recorder=recorder, purpose="deployment"
        )
    assert robot.stops == 1 and machine.state == "idle" and not recorder.recording and len(dataset) == 0
    robot.fails_at = None
    assert run_episode(robot, arbiter, machine, recorder=recorder, purpose="deployment").number == 0


@pytest.mark.parametrize("reward", [float("nan"), float("inf")])
def test_a_reward_that_is_no_number_is_not_recorded(reward, parts, dataset):
    robot, arbiter, machine = parts(max_steps=50)
    with pytest.raises(RobotError, match="the task's reward is"):
        run_episode(robot, arbiter, machine, judge=lambda: Outcome(reward=reward), recorder=Recorder(dataset))
    assert robot.stops == 1 and len(dataset) == 0


def test_ctrl_c_stops_the_robot_and_drops_the_episode(parts, dataset):
    robot, arbiter, machine = parts(max_steps=50)

    def judge():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_episode(robot, arbiter, machine, judge=judge, recorder=Recorder(dataset))
    assert robot.stops == 1 and machine.state == "idle" and len(dataset) == 0


class Lens:
    """A camera whose every pixel is the tick count, with a frame every second tick."""

    def __init__(self, robot, dies_at: int | None = None) -> None:
        self._robot, self._last, self._dies_at = robot, -1, dies_at
        self.reads = 0

    def capture(self) -> Frame:
        return self._take()

    def read(self, timeout: float = 1.0) -> Frame:
        self.reads += 1
        dead = self._dies_at is not None and self.reads > self._dies_at
        if dead or self._robot.clock.now() < self._last + 100_000_000:
            raise CameraError("nothing new")
        return self._take()

    def _take(self) -> Frame:
        self._last = self._robot.clock.now()
        value = self._last // self._robot.spec.period_ns
        return Frame(self._last, np.full((4, 4, 3), value % 256, np.uint8), clock="simulated")


def test_a_slow_camera_is_recorded_at_its_own_rate_and_seen_by_the_policy(parts, robot, spec, seek, tmp_path):
    camera = {"front": CameraConfig("front", "mujoco", 4, 4, 10.0)}

    class Watching(seek):
        observation_names = ("ee_pose", "goal", "front")
        seen: ClassVar[list] = []

        def predict(self, observation):
            self.seen.append(int(observation["front"][-1, 0, 0, 0]))
            return super().predict(observation)

    policy = Watching(spec)
    with Dataset.create(tmp_path / "data", spec, camera) as data:
        run_episode(
            *parts(max_steps=8),
            executor=ChunkExecutor(policy),
            recorder=Recorder(data),
            cameras={"front": Lens(robot)},
            seed=9,
            purpose="deployment",
        )
        stream, stamps = data[0].stream("front"), data[0].steps["stamp"]
        first = int(stamps[0]) // spec.period_ns
        assert (np.asarray(stream.stamps) - stamps[0]).tolist() == [0, 10**8, 2 * 10**8, 3 * 10**8, 4 * 10**8]
        assert policy.seen == [first, first + 4]


def test_a_camera_that_dies_ends_the_episode_with_its_name(parts, robot):
    with pytest.raises(CameraError, match=r"camera 'front' has given no frame for 1\.[01]"):
        run_episode(*parts(max_steps=50), cameras={"front": Lens(robot, dies_at=4)})
    assert robot.stops == 1


def test_an_operator_needs_a_teleop(parts, hand):
    with pytest.raises(ValueError, match="needs a teleop"):
        run_episode(*parts(), operator=hand({}))


def test_in_real_time_the_ticks_keep_their_deadlines(parts, spec):
    robot, arbiter, machine = parts(max_steps=10)

    class Wall(SystemClock):
        def sleep_until(self, stamp: int) -> None:
            super().sleep_until(stamp)
            robot._step()

    robot.clock = Wall()
    robot.clock.skip = lambda: None
    start = time.perf_counter()
    result = run_episode(robot, arbiter, machine, purpose="deployment")
    assert 0.5 <= time.perf_counter() - start < 2.0
    assert result.timing.ticks == 10 and 0.0 <= result.timing.error_p50 < 0.05
