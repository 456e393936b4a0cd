from __future__ import annotations

import numpy as np
import pytest

from robot_rl.control.safety import Safety
from robot_rl.datasets.record import Phase, Source
from robot_rl.hardware import config
from robot_rl.hardware.human import HumanInput
from robot_rl.hardware.robot import Reading
from robot_rl.runtime.arbiter import Arbiter, Proposal
from robot_rl.spec import SpecError

MS = 1_000_000


def act(x: float = 0.0, gripper: float = 0.0) -> np.ndarray:
    return np.array([x, 0, 0, 0, 0, 0, gripper])


class Scene:
    """A robot and its arbiter, ticked once a control period; silent parts keep their last message."""

    def __init__(self, robot, arbiter: Arbiter) -> None:
        self.robot, self.arbiter = robot, arbiter

    def tick(self, *, human=None, policy=None, human_age=0, policy_age=0):
        now = self.robot.clock.now()
        if human is not None:
            action, buttons = human
            human = HumanInput(now - human_age, action, "clutch" in buttons, "rewind" in buttons, frozenset(buttons))
        proposal = None if policy is None else Proposal(now - policy_age, policy)
        decision = self.arbiter.decide(now, self.robot.read(), human, proposal)
        self.robot.send(decision.action)
        self.robot.clock.sleep_until(now + self.robot.spec.period_ns)
        return decision

    def ticks(self, n: int, **given):
        return [self.tick(**given) for _ in range(n)]


@pytest.fixture
def scene(robot, spec, limits) -> Scene:
    return Scene(robot, Arbiter(spec, limits))


IDLE, CLUTCH, REWIND = set(), {"clutch"}, {"rewind"}


def test_in_a_demonstration_the_human_acts_and_the_policy_is_not_heard(scene):
    scene.arbiter.reset("demonstration")
    decision = scene.tick(human=(act(0.1, 1.0), CLUTCH | {"close"}), policy=act(-0.2))
    assert (decision.source, decision.phase) == (Source.HUMAN, Phase.DEMONSTRATION)
    np.testing.assert_array_equal(decision.action, act(0.1, 1.0))
    np.testing.assert_array_equal(decision.human, act(0.1, 1.0))
    np.testing.assert_array_equal(decision.proposed, act(-0.2))
    assert not scene.arbiter.policy_wanted
    decision = scene.ticks(20, human=(act(0.1), IDLE), policy=act(-0.2))[-1]
    assert decision.source is Source.NONE and decision.action[0] == 0.0


def test_a_policy_acts_until_the_human_takes_over_and_again_after(scene):
    scene.arbiter.reset("deployment")
    first = scene.tick(human=(act(), IDLE), policy=act(0.1))
    assert (first.source, first.phase, first.interrupted) == (Source.POLICY, Phase.AUTONOMOUS, False)
    assert np.isnan(first.human).all()
    taken = scene.tick(human=(act(-0.1), CLUTCH), policy=act(0.1))
    assert (taken.source, taken.phase, taken.interrupted) == (Source.HUMAN, Phase.CORRECTION, True)
    np.testing.assert_array_equal(taken.proposed, act(0.1))
    scene.ticks(10, human=(act(-0.1), CLUTCH))
    handed = scene.ticks(8, human=(act(), IDLE), policy=act(0.1))
    assert [d.source for d in handed] == [Source.NONE] * 6 + [Source.POLICY] * 2
    assert [d.phase for d in handed] == [Phase.CORRECTION] * 6 + [Phase.AUTONOMOUS] * 2
    assert handed[0].safety == Safety.DEADMAN


def test_an_idle_engaged_device_holds_still_and_hands_nothing_back(scene):
    scene.arbiter.reset("deployment")
    scene.tick(policy=act(0.1))
    decisions = scene.ticks(60, human=(act(), CLUTCH), policy=act(0.1))
    assert {d.source for d in decisions} == {Source.HUMAN}
    assert decisions[-1].action[0] == 0.0


def test_a_device_that_falls_silent_in_control_holds_the_robot(scene):
    scene.arbiter.reset("deployment")
    scene.ticks(5, human=(act(0.1), CLUTCH), policy=act(0.1))
    silent = scene.ticks(40, human=(act(0.1), CLUTCH), human_age=300 * MS, policy=act(0.1))
    assert {d.source for d in silent} == {Source.NONE}
    assert silent[0].safety == Safety.STALE_COMMAND and silent[-1].action[0] == 0.0
    gone = scene.ticks(40, human=None, policy=act(0.1))
    assert {d.source for d in gone} == {Source.NONE}


def test_a_policy_that_falls_silent_is_nobody(scene):
    scene.arbiter.reset("deployment")
    decision = scene.tick(policy=act(0.1), policy_age=300 * MS)
    assert decision.source is Source.NONE and decision.safety == Safety.STALE_COMMAND
    assert decision.interrupted and decision.action[0] == 0.0


@pytest.mark.parametrize("broken", [act(np.nan), np.zeros(6), np.zeros((2, 7))])
def test_a_broken_action_is_refused_and_nobody_acts(scene, broken):
    scene.arbiter.reset("deployment")
    decision = scene.tick(policy=broken)
    assert decision.source is Source.NONE and decision.safety == Safety.NOT_FINITE
    assert decision.proposed.shape == (7,)
    decision = scene.tick(human=(broken, CLUTCH))
    assert decision.source is Source.NONE and decision.safety == Safety.NOT_FINITE


def test_in_an_evaluation_the_human_is_not_heard_save_for_the_emergency_stop(scene):
    scene.arbiter.reset("evaluation")
    decision = scene.ticks(5, human=(act(-0.2), CLUTCH | REWIND), policy=act(0.1))[-1]
    assert (decision.source, decision.phase) == (Source.POLICY, Phase.AUTONOMOUS)
    assert np.isnan(decision.human).all()
    decision = scene.tick(human=(act(), {"estop"}), policy=act(0.1))
    assert decision.source is Source.NONE and decision.safety == Safety.ESTOP


@pytest.mark.parametrize("purpose", ["demonstration", "deployment", "evaluation", "free"])
def test_the_emergency_stop_wins_and_stays_until_released(scene, purpose):
    scene.arbiter.reset(purpose)
    scene.ticks(4, human=(act(0.2), CLUTCH), policy=act(0.2))
    decision = scene.tick(human=(act(0.2), CLUTCH | REWIND | {"estop"}), policy=act(0.2), human_age=10**10)
    assert decision.safety == Safety.ESTOP and not decision.action.any()
    assert scene.tick(human=(act(0.2), CLUTCH), policy=act(0.2)).safety == Safety.ESTOP
    scene.arbiter.reset(purpose)
    assert scene.tick(human=(act(0.2), CLUTCH), policy=act(0.2)).safety == Safety.ESTOP
    scene.arbiter.release_estop()
    assert scene.tick(human=(act(), frozenset()), policy=act(0.2)).safety != Safety.ESTOP
    assert scene.tick(human=(act(0.2), CLUTCH), policy=act(0.2)).action[0] == 0.2


@pytest.mark.parametrize("held", [CLUTCH, REWIND, CLUTCH | REWIND])
def test_a_clutch_held_through_an_emergency_stop_moves_nothing_until_it_is_pressed_again(scene, held):
    scene.arbiter.reset("free")
    scene.ticks(10, human=(act(0.2), CLUTCH))
    scene.arbiter.estop()
    scene.ticks(30, human=(act(0.2), held))
    scene.arbiter.release_estop()
    for decision in scene.ticks(60, human=(act(0.2), held), policy=act(0.2)):
        assert not decision.action.any() and np.isnan(decision.human).all()
        assert decision.source is not Source.POLICY, "the person still holds on"
    silent = scene.tick(human=(act(), frozenset()), human_age=10**10)
    assert not silent.action.any()
    assert not scene.tick(human=(act(0.2), held)).action.any(), "a device that fell silent has not let go"
    scene.tick(human=(act(), frozenset()))
    assert scene.tick(human=(act(0.2), CLUTCH)).action[0] == 0.2


def test_letting_go_of_a_clutch_that_was_held_through_a_stop_into_an_episode_is_a_hand_back(scene):
    scene.arbiter.reset("free")
    scene.ticks(5, human=(act(0.2), CLUTCH))
    scene.arbiter.estop()
    scene.ticks(5, human=(act(0.2), CLUTCH))
    scene.arbiter.release_estop()
    scene.arbiter.reset("deployment", hands_back=False)
    held = scene.ticks(20, human=(act(0.2), CLUTCH), policy=act(0.1))
    assert {d.phase for d in held} == {Phase.CORRECTION} and {d.source for d in held} == {Source.NONE}
    after = scene.ticks(30, human=(act(), IDLE), policy=act(0.1))
    assert after[-1].phase is Phase.AUTONOMOUS, "what ends such an episode"


def test_a_clutch_that_was_held_before_the_episode_takes_nothing_over(scene):
    start = scene.robot.clock.now()
    scene.arbiter.reset("deployment", since=start)
    before = start - 10 * MS
    for _ in range(8):  # what was said last in the episode before is still fresh
        age = scene.robot.clock.now() - before
        decision = scene.tick(human=(act(0.2), CLUTCH), human_age=age, policy=act(0.1))
        assert decision.source is Source.POLICY and decision.phase is Phase.AUTONOMOUS
    assert scene.tick(human=(act(0.2), CLUTCH), policy=act(0.1)).source is Source.HUMAN


@pytest.mark.parametrize("hands_back", [True, False])
def test_where_letting_go_ends_the_episode_the_policy_does_not_act_before_it_has_ended(scene, hands_back):
    scene.arbiter.reset("deployment", hands_back=hands_back)
    assert scene.ticks(5, policy=act(0.1))[-1].source is Source.POLICY
    assert scene.ticks(15, human=(act(-0.1), CLUTCH), policy=act(0.1))[-1].source is Source.HUMAN
    after = scene.ticks(30, human=(act(), frozenset()), policy=act(0.1))
    given_back = next(k for k, d in enumerate(after) if d.phase is Phase.AUTONOMOUS)  # what ends such an episode
    sources = {d.source for d in after[given_back:]}
    assert sources == ({Source.POLICY} if hands_back else {Source.NONE})
    assert scene.arbiter.policy_wanted is hands_back
    scene.arbiter.reset("deployment", hands_back=hands_back)
    assert scene.tick(policy=act(0.1)).source is Source.POLICY, "the next episode is the policy's again"


def test_rewinding_wins_over_the_human_and_is_recovery(scene):
    scene.arbiter.reset("deployment")
    scene.ticks(10, policy=act(0.2))
    x = scene.robot.pose[0]
    decision = scene.ticks(5, human=(act(0.2), CLUTCH | REWIND), policy=act(0.2))[-1]
    assert (decision.source, decision.phase) == (Source.REWIND, Phase.RECOVERY)
    assert decision.action[0] < 0.0 and scene.robot.pose[0] < x
    held = scene.tick(human=(act(0.2), IDLE), policy=act(0.2))
    assert (held.source, held.phase) == (Source.NONE, Phase.RECOVERY)
    corrected = scene.tick(human=(act(0.05), CLUTCH), policy=act(0.2))
    assert (corrected.source, corrected.phase) == (Source.HUMAN, Phase.CORRECTION)


def test_without_automatic_rewinding_the_human_drives_and_it_is_labelled_recovery(robot, spec, limits):
    limits["rewind"] = {"automatic": False}
    scene = Scene(robot, Arbiter(spec, limits))
    scene.arbiter.reset("deployment")
    scene.ticks(3, policy=act(0.1))
    decision = scene.tick(human=(act(-0.1), CLUTCH | REWIND), policy=act(0.1))
    assert (decision.source, decision.phase) == (Source.HUMAN, Phase.RECOVERY)
    assert scene.tick(human=(act(-0.1), REWIND)).safety == Safety.DEADMAN


def test_taking_over_does_not_open_a_gripper_that_the_policy_closed(scene):
    scene.arbiter.reset("deployment")
    scene.ticks(3, human=(act(0.0, 0.0), IDLE), policy=act(0.1, 1.0))
    decision = scene.tick(human=(act(0.1, 0.0), CLUTCH))
    assert decision.source is Source.HUMAN and decision.action[6] == 1.0
    assert scene.tick(human=(act(0.1, 0.0), CLUTCH | {"open"})).action[6] == 0.0


def test_a_take_over_changes_the_velocity_by_no_more_than_the_acceleration(robot, spec, limits):
    limits["twist"]["acceleration"] = 1.0
    scene = Scene(robot, Arbiter(spec, limits))
    scene.arbiter.reset("deployment")
    before = scene.ticks(4, policy=act(0.2))[-1]
    after = scene.tick(human=(act(-0.2), CLUTCH), policy=act(0.2))
    np.testing.assert_allclose([before.action[0], after.action[0]], [0.2, 0.15])


def test_a_new_episode_begins_from_rest_but_free_driving_brakes_first(robot, spec, limits):
    limits["twist"]["acceleration"] = 1.0
    scene = Scene(robot, Arbiter(spec, limits))
    scene.arbiter.reset("deployment")
    scene.ticks(4, policy=act(0.2))
    scene.arbiter.reset("free")
    np.testing.assert_allclose(scene.tick().action[0], 0.15)
    scene.arbiter.reset("deployment")
    assert scene.tick().action[0] == 0.0


def test_nothing_that_is_proposed_reaches_the_robot_outside_the_bounds(scene):
    rng = np.random.default_rng(0)
    for purpose in ("demonstration", "deployment", "evaluation", "free"):
        scene.arbiter.reset(purpose)
        for _ in range(100):
            buttons = set(rng.choice(["clutch", "rewind", "open", "close", "success"], 2))
            wild = rng.normal(size=7) * 10.0 ** rng.uniform(-2, 6)
            decision = scene.tick(human=(wild, buttons), policy=rng.permutation(wild))
            action = scene.arbiter.spec.action
            assert (decision.action >= action.low).all() and (decision.action <= action.high).all()
            assert (np.abs(scene.robot.pose[:3] - [0, 0, 0.25]) <= np.array([0.3, 0.3, 0.25]) + 1e-9).all()


def test_an_unknown_purpose_names_those_there_are(scene):
    with pytest.raises(ValueError, match="purpose is 'play'; it must be one of demonstration"):
        scene.arbiter.reset("play")


def test_limits_that_do_not_fit_are_refused_when_the_arbiter_is_made(spec, limits):
    limits["rewind"] = {"sped": 0.1}
    with pytest.raises(SpecError, match=r"limits.rewind: unknown option 'sped'.*Did you mean 'speed'"):
        Arbiter(spec, limits)


def sim(robot: str, mode: str | None = None):
    """A simulated robot of hardware/, and the arbiter of its robot.yaml."""
    pytest.importorskip("mujoco")
    setup = config.load(robot, mode)
    return config.make(setup), Arbiter.from_config(setup)


def test_the_end_of_an_episode_does_not_open_a_gripper_also_in_an_emergency_stop():
    pytest.importorskip("robosuite")
    robot, arbiter = sim("sim_lift")
    scene = Scene(robot, arbiter)
    arbiter.reset("deployment")
    assert scene.ticks(3, policy=act(0.0, 1.0))[-1].action[6] == 1.0
    arbiter.reset("free")
    assert scene.tick().action[6] == 1.0
    arbiter.estop()
    assert scene.tick().action[6] == 1.0
    arbiter.reset("free")
    decision = scene.tick()
    assert decision.action[6] == 1.0 and decision.safety == Safety.ESTOP
    arbiter.release_estop()
    assert scene.tick().action[6] == 1.0


def test_a_set_point_stays_when_an_episode_ends_while_nothing_is_measured():
    robot, arbiter = sim("sim_crazyflie", "position")
    reading = robot.reset(0)
    asked = np.array([1.5, -1.0, 1.8, 0.0])
    arbiter.reset("deployment")
    for k in range(400):
        now = k * robot.spec.period_ns
        stamps = dict.fromkeys(reading.values, now)
        decision = arbiter.decide(now, Reading(reading.values, stamps), None, Proposal(now, asked))
    np.testing.assert_allclose(decision.action, asked)
    lost = Reading({**reading.values, "pose": np.full(7, np.nan)}, stamps)
    for _ in range(2):
        arbiter.reset("free")
        decision = arbiter.decide(now, lost, None, None)
        np.testing.assert_allclose(decision.action, asked)
        assert decision.safety == Safety.STALE_OBSERVATION and arbiter.envelope.placed


def test_before_a_set_point_has_been_measured_the_first_time_nothing_is_placed():
    robot, arbiter = sim("sim_crazyflie", "position")
    reading = robot.reset(0)
    lost = Reading({**reading.values, "pose": np.full(7, np.nan)}, reading.stamps)
    decision = arbiter.decide(reading.stamp, lost, None, None)
    assert decision.safety == Safety.STALE_OBSERVATION and not arbiter.envelope.placed
    decision = arbiter.decide(reading.stamp, reading, None, None)
    assert decision.safety == 0 and arbiter.envelope.placed
    np.testing.assert_allclose(decision.action[:3], reading.values["pose"][:3])


def test_after_an_emergency_stop_a_command_made_before_the_robot_was_measured_is_not_obeyed():
    robot, arbiter = sim("sim_crazyflie", "position")
    here, period = robot.reset(0), robot.spec.period_ns
    arbiter.reset("deployment")
    aside = {**here.values, "pose": np.array([0.5, -0.5, 1.2, 0.0, 0.0, 0.0, 1.0])}

    def decide(step, values, made):
        now = 10**9 + step * period
        proposal = Proposal(10**9 + made * period, np.array([*here.values["pose"][:3], 0.0]))
        return arbiter.decide(now, Reading(values, dict.fromkeys(values, now)), None, proposal)

    assert decide(0, here.values, 0).source is Source.POLICY, "made of the measurement that places: obeyed at once"
    arbiter.estop()
    decide(1, here.values, 1)
    decide(2, aside, 2)
    arbiter.release_estop()
    for step in (3, 4):
        held = decide(step, aside, 2)
        np.testing.assert_allclose(held.action[:3], [0.5, -0.5, 1.2])
        assert held.safety == Safety.STALE_COMMAND and held.source is Source.NONE and held.interrupted
    assert decide(5, aside, 3).source is Source.POLICY


def test_an_episode_in_a_scene_that_is_kept_begins_with_the_gripper_as_it_is_and_otherwise_anew(scene):
    scene.arbiter.reset("deployment")
    scene.ticks(3, policy=act(0.2, 1.0))
    scene.arbiter.reset("deployment", kept=True)
    np.testing.assert_array_equal(scene.tick().action, act(0.0, 1.0))
    scene.arbiter.reset("deployment")
    np.testing.assert_array_equal(scene.tick().action, act(0.0, 0.0))


def test_a_pose_that_is_frozen_while_the_joints_are_fresh_stops_the_robot_before_the_wall():
    pytest.importorskip("robosuite")
    robot, arbiter = sim("sim_lift")
    arbiter.reset("deployment")
    frozen = robot.reset(0)
    decisions = []
    for _ in range(30):
        now, reading = robot.clock.now(), robot.read()
        values = {**reading.values, "ee_pose": frozen.values["ee_pose"]}
        stamps = {**reading.stamps, "ee_pose": frozen.stamps["ee_pose"]}
        decisions.append(arbiter.decide(now, Reading(values, stamps), None, Proposal(now, act(0.25))))
        robot.send(decisions[-1].action)
        robot.clock.sleep_until(now + robot.spec.period_ns)
    assert max(d.action[0] for d in decisions) > 0.2
    assert decisions[10].stamp - frozen.stamps["ee_pose"] == 500 * MS
    assert decisions[10].safety == Safety.STALE_OBSERVATION and decisions[10].source is Source.NONE
    assert decisions[-1].action[0] == 0.0


def test_a_rewind_does_not_chase_a_pose_that_is_frozen(robot, spec, limits):
    limits["rewind"] = {"pose": "ee_pose"}
    del limits["twist"]["workspace"]  # so that nothing but the rewind looks at the pose
    scene = Scene(robot, Arbiter(spec, limits))
    scene.arbiter.reset("deployment")
    scene.ticks(10, policy=act(0.2))
    read, old = robot.read, robot.read()
    robot.read = lambda: Reading(
        {**read().values, "ee_pose": old.values["ee_pose"]}, {**read().stamps, "ee_pose": old.stamps["ee_pose"]}
    )
    decisions = scene.ticks(12, human=(act(), CLUTCH | REWIND), policy=act(0.2))
    assert decisions[2].action[0] < 0.0
    assert decisions[-1].action[0] == 0.0


@pytest.mark.parametrize("purpose", ["deployment", "evaluation"])
def test_a_policy_holds_still_while_the_person_who_stands_by_is_not_heard(robot, spec, limits, purpose):
    scene = Scene(robot, Arbiter(spec, limits, human_required=True))
    scene.arbiter.reset(purpose)
    assert scene.tick(policy=act(0.1)).source is Source.NONE, "never heard"
    heard = scene.ticks(3, human=(act(), IDLE), policy=act(0.1))[-1]
    assert heard.source is Source.POLICY and heard.action[0] == 0.1
    late = scene.tick(human=(act(), IDLE), human_age=900 * MS, policy=act(0.1))
    assert late.source is Source.POLICY
    silent = scene.ticks(3, human=(act(), IDLE), human_age=1500 * MS, policy=act(0.1))
    assert {d.source for d in silent} == {Source.NONE} and all(d.interrupted for d in silent)
    assert silent[-1].safety == Safety.DEADMAN and not silent[-1].action.any()
    again = scene.ticks(3, human=(act(), IDLE), policy=act(0.1))[-1]
    assert again.source is Source.POLICY and again.action[0] == 0.1


def test_where_nobody_is_expected_silence_is_no_matter(scene):
    scene.arbiter.reset("deployment")
    assert scene.tick(policy=act(0.1)).source is Source.POLICY
    assert scene.tick(human=(act(), IDLE), human_age=1500 * MS, policy=act(0.1)).source is Source.POLICY
