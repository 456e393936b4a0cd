"""Teleop: hand-worked actions from device input."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from robot_rl.control import circle
from robot_rl.control.envelope import SafetyEnvelope
from robot_rl.hardware import config
from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.human import AXES, DeviceInput
from robot_rl.hardware.robot import Reading
from robot_rl.hardware.teleop import Teleop
from robot_rl.runtime.arbiter import Arbiter, Proposal
from robot_rl.spec import Field, Layout, Spec

ARM = Spec(
    robot="arm",
    rate=20.0,
    control_mode="cartesian_velocity",
    observation=Layout((Field("ee_pose", (7,), "pose"), Field("grip", (1,)), Field("width", (1,), unit="mm"))),
    action=Layout(
        (
            Field("twist", (6,), "twist", low=(-0.5,) * 6, high=(0.5, 0.5, 0.5, 1.0, 1.0, 1.0)),
            Field("gripper", (1,), low=(0.0,), high=(1.0,)),
        )
    ),
)
GRIPPER = {"field": "gripper", "open": 0.0, "closed": 1.0}
ARM_SECTION = {
    "axes": {"x": "twist.vx", "z": "twist.vz", "yaw": "twist.wz"},
    "scale": {"twist.vx": 0.25, "twist.vz": -0.1},
    "gripper": {"field": "gripper", "open": 0.0, "closed": 1.0},
}
DRONE = Spec(
    robot="drone",
    rate=50.0,
    control_mode="position",
    observation=Layout((Field("pose", (7,), "pose"),)),
    action=Layout(
        (
            Field("position", (3,), unit="m", low=(-2.0, -2.0, 0.0), high=(2.0, 2.0, 2.0), labels=("x", "y", "z")),
            Field("yaw", (1,), unit="rad", low=(-math.pi,), high=(math.pi,)),
        )
    ),
)
DRONE_SECTION = {
    "axes": {"x": "position.x", "z": "position.z", "yaw": "yaw"},
    "scale": {"position.x": 0.5, "position.z": 0.4, "yaw": 1.0},
    "integrate": True,
    "reference": "pose",
}


def device(seconds: float = 0.0, buttons: str = "clutch", **axes: float) -> DeviceInput:
    values = np.array([axes.get(a, 0.0) for a in AXES])
    return DeviceInput(round(seconds * 1e9), values, frozenset(buttons.split()))


def at(*position: float, yaw: float = 0.0) -> Reading:
    pose = np.array([*position, 0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2)])
    return Reading({"pose": pose, "ee_pose": pose}, {"pose": 0})


def test_an_axis_times_its_scale_is_the_rate_and_the_field_high_is_the_default() -> None:
    human = Teleop(ARM, ARM_SECTION).interpret(device(x=0.5, y=1.0, z=0.5, yaw=-0.25))
    np.testing.assert_allclose(human.action, [0.125, 0, -0.05, 0, 0, -0.25, 0])
    assert human.engaged


def test_without_the_clutch_nothing_moves_and_the_human_is_not_engaged() -> None:
    human = Teleop(ARM, ARM_SECTION).interpret(device(buttons="rewind", x=1.0))
    np.testing.assert_array_equal(human.action, np.zeros(7))
    assert not human.engaged
    assert human.rewind
    assert human.pressed == {"rewind"}


def test_an_idle_device_with_the_clutch_held_asks_to_hold_still() -> None:
    human = Teleop(ARM, ARM_SECTION).interpret(device())
    assert human.engaged
    np.testing.assert_array_equal(human.action, np.zeros(7))


def test_the_gripper_keeps_what_the_last_press_made_it() -> None:
    teleop = Teleop(ARM, ARM_SECTION)
    presses = ["clutch", "clutch close", "clutch", "clutch open close", "clutch open", "clutch", "close", "clutch"]
    assert [teleop.interpret(device(buttons=b)).action[6] for b in presses] == [0, 1, 1, 1, 0, 0, 0, 0]


def test_the_gripper_stays_as_the_policy_left_it_when_the_human_takes_over() -> None:
    teleop = Teleop(ARM, ARM_SECTION)
    teleop.interpret(device(buttons=""))
    teleop.follow(np.array([0, 0, 0, 0, 0, 0, 0.8]))
    assert teleop.interpret(device()).action[6] == 0.8
    teleop.follow(np.zeros(7))  # engaged: the human's own latch rules
    assert teleop.interpret(device()).action[6] == 0.8


def test_the_gripper_starts_from_the_measured_value_where_there_is_one() -> None:
    section = {**ARM_SECTION, "gripper": {**ARM_SECTION["gripper"], "measured": "grip"}}
    teleop = Teleop(ARM, section)
    assert teleop.interpret(device(), Reading({"grip": np.array([0.6])}, {"grip": 0})).action[6] == 0.6
    teleop.reset()
    assert teleop.interpret(device(), Reading({"grip": np.array([np.nan])}, {"grip": 0})).action[6] == 0.0


def test_reset_opens_the_gripper_again() -> None:
    teleop = Teleop(ARM, ARM_SECTION)
    assert teleop.interpret(device(buttons="clutch close")).action[6] == 1.0
    teleop.reset()
    assert teleop.interpret(device()).action[6] == 0.0


class Flight:
    """A stick that is held, and a drone that goes where it is told as fast as it may."""

    def __init__(self, rate: float = math.inf, *, spec: Spec = DRONE, late: int = 0, yaw: float = 0.0) -> None:
        self.teleop, self.rate, self.late = Teleop(spec, DRONE_SECTION), rate, late
        self.circular = np.array([f.wraps for f in spec.action.vectors for _ in range(f.size)])
        self.sent = [np.array([0.0, 0.0, 1.0, yaw])]
        self.seconds = 0.0
        self.start = at(0.0, 0.0, 1.0, yaw=yaw)

    def fly(self, seconds: float, *, held: bool = False, **axes: float) -> np.ndarray:
        """Where it was sent last, after so long; `held`, it is not let go anywhere."""
        for _ in range(round(seconds * DRONE.rate)):
            self.seconds += 1 / DRONE.rate
            asked, last = self.teleop.interpret(device(self.seconds, **axes), self.start).action, self.sent[-1]
            step = circle.nearest(asked, last, self.circular) - last
            most = 0.0 if held else self.rate / DRONE.rate
            self.sent.append(circle.nearest(last + np.clip(step, -most, most), np.zeros(4), self.circular))
            self.teleop.follow(self.sent[max(len(self.sent) - 1 - self.late, 0)])
        return self.sent[-1]


def test_what_the_robot_did_not_do_while_it_was_held_it_does_not_do_later() -> None:
    flight = Flight()
    before = flight.fly(0.2, x=1.0)
    np.testing.assert_array_equal(flight.fly(2.0, held=True, x=1.0, z=-1.0, yaw=1.0), before)
    after = flight.fly(3.0)
    # 0.1 s of full deflection: 0.5 m/s, 0.4 m/s, 1 rad/s
    np.testing.assert_allclose(after - before, [0.05, 0.0, -0.04, 0.1], atol=1e-12)


def test_a_target_goes_on_from_a_hold_at_once_whichever_way_the_stick_is_pushed() -> None:
    flight = Flight()
    flight.fly(0.2, x=1.0)
    held = flight.fly(2.0, held=True, x=1.0)[0]
    assert flight.fly(0.5, x=-1.0)[0] == pytest.approx(held + 0.05 - 0.5 * 0.5)


@pytest.mark.parametrize("late", [0, 1, 4])
def test_a_robot_that_obeys_loses_no_motion_also_where_what_it_was_sent_is_heard_late(late: int) -> None:
    flight = Flight(late=late)
    flight.fly(0.02)
    np.testing.assert_allclose(flight.fly(1.0, x=1.0, yaw=-0.5), [0.5, 0.0, 1.0, -0.5], atol=1e-9)


def test_a_robot_slower_than_the_stick_goes_at_its_own_rate_and_stops_soon_after_the_stick() -> None:
    flight = Flight(rate=0.3)
    flight.fly(0.02)
    assert flight.fly(1.0, x=1.0)[0] == pytest.approx(0.3)
    assert 0.3 < flight.fly(1.0)[0] <= 0.35


def test_a_held_heading_is_followed_across_the_seam() -> None:
    yaw = Field("yaw", (1,), unit="rad", low=(-3.1416,), high=(3.1416,), wraps=True)
    flight = Flight(spec=replace(DRONE, action=Layout((DRONE.action["position"], yaw))), yaw=3.1)
    flight.fly(0.02)
    flight.fly(2.0, held=True, yaw=1.0)
    assert flight.fly(1.0)[3] == pytest.approx(3.2 - 2 * math.pi, abs=1e-9)
    flight.fly(2.0, held=True, yaw=-1.0)
    assert flight.fly(1.0)[3] == pytest.approx(3.1, abs=1e-9)


def test_a_target_that_begins_far_from_what_was_sent_stays_where_it_was_measured() -> None:
    teleop = Teleop(DRONE, DRONE_SECTION)
    sent = np.array([0.5, 0.0, 1.0, 0.0])
    teleop.follow(sent)
    for k in range(5):
        human = teleop.interpret(device(0.02 * k), at(0.1, 0.0, 1.0))
        teleop.follow(sent)
        np.testing.assert_array_equal(human.action, [0.1, 0.0, 1.0, 0.0])
    for k in range(5, 10):
        away = teleop.interpret(device(0.02 * k, x=-1.0)).action[0]
        teleop.follow(sent)
    assert away == pytest.approx(0.1 - 5 * 0.01), "it follows the stick at once, also away from there"
    for k in range(10, 200):  # nearer, and then it leads as little as any
        human = teleop.interpret(device(0.02 * k, x=1.0))
        teleop.follow(sent)
    assert human.action[0] == pytest.approx(0.55)


@pytest.mark.parametrize("late", [0, 3])
def test_a_robot_that_was_sent_elsewhere_stays_there_with_the_stick_at_rest(late: int) -> None:
    flight = Flight(late=late)
    flight.fly(0.5, x=1.0)
    flight.fly(0.2)
    elsewhere = np.array([-0.9, 0.3, 1.0, 0.5])
    for _ in range(10):
        flight.sent.append(elsewhere)
        flight.teleop.follow(elsewhere)
    np.testing.assert_allclose(flight.fly(1.0), elsewhere, atol=1e-12)


MS = 1_000_000


class Bench:
    """A clutch, an arbiter and a robot that is where it was sent last, with messages that take their time.

    Args:
        late: how long what the robot was sent takes back to the teleoperation [ms].
        lag: how long ago the robot was where it is measured [ms].
    """

    def __init__(self, rate: float, late: int, purpose: str, *, fastest: float = 1.0, lag: int = 0) -> None:
        xy = ("x", "y")
        position = Field("position", (2,), unit="m", low=(-10.0,) * 2, high=(10.0,) * 2, labels=xy)
        spec = Spec("arm", rate, Layout((Field("pose", (2,), unit="m", labels=xy),)), Layout((position,)), "position")
        moving = {"order": "position", "rate": fastest, "measured": "pose"}
        self.arbiter = Arbiter(spec, {"command_timeout": 0.25, "observation_timeout": 0.5, "position": moving})
        section = {"axes": {"x": "position.x"}, "scale": {"position.x": 0.25}, "integrate": True, "reference": "pose"}
        self.teleop, self.late, self.period = Teleop(spec, section), late, round(1000 / rate)
        self.arbiter.reset(purpose)
        self.place, self.sent = np.zeros(2), [np.zeros(2)]
        self.now, self.human, self.policy = 1000, None, np.zeros(2)  # [ms]
        self.asked: list = []
        self.heard: list = []
        self.places = [self.place] * (lag + 1)

    def run(self, ms: int, *, buttons: str = "clutch", speed: float = 0.0, **axes: float) -> np.ndarray:
        """What the robot was sent (n, 2); the policy goes on at that speed [m/s]."""
        start = len(self.sent)
        for _ in range(ms):
            self.now += 1
            while self.heard and self.heard[0][0] <= self.now:
                self.teleop.follow(*self.heard.pop(0)[1:])
            while self.asked and self.asked[0][0] <= self.now:
                self.human = self.asked.pop(0)[1]
            self.places = [*self.places[1:], self.place]
            reading = Reading({"pose": self.places[0]}, {"pose": self.now * MS})
            if self.now % 10 == 0:
                self.asked.append(
                    (self.now + 2, self.teleop.interpret(device(self.now / 1e3, buttons, **axes), reading))
                )
            self.policy = self.policy + speed / 1e3
            if self.now % self.period == 0:
                decision = self.arbiter.decide(self.now * MS, reading, self.human, Proposal(self.now * MS, self.policy))
                if self.arbiter.envelope.placed:
                    self.place = self.place if self.arbiter.envelope.stopped else decision.action
                    self.sent.append(decision.action)
                    self.heard.append((self.now + self.late, decision.action, decision.stamp))
        return np.array(self.sent[start:])


@pytest.mark.parametrize("rate", [20, 50, 100, 200])
@pytest.mark.parametrize("late", [3, 11, 21, 41, 80])
def test_a_robot_pushed_in_an_emergency_stop_comes_to_rest_when_that_is_heard_late(rate: int, late: int) -> None:
    bench = Bench(rate, late, "demonstration")
    bench.run(500, x=1.0)
    bench.run(500)
    bench.arbiter.estop()
    bench.run(500)
    bench.place = pushed = bench.place + 0.2
    bench.run(500)
    bench.arbiter.release_estop()
    bench.run(1000)
    rest = bench.run(1000)
    assert np.ptp(rest, axis=0).max() == 0.0
    assert np.abs(rest[-1] - pushed).max() <= 1.0 * (late + 10 + 2 + 2 * bench.period) / 1e3, "no further than it got"


@pytest.mark.parametrize("rate", [50, 100, 200])
@pytest.mark.parametrize("late", [3, 11, 21, 41, 80])
def test_a_robot_taken_over_in_motion_comes_to_rest_when_what_it_was_sent_is_heard_late(rate: int, late: int) -> None:
    bench = Bench(rate, late, "deployment", fastest=5.0, lag=50)
    moving = bench.run(1000, buttons="", speed=0.5)
    assert moving[-1] == pytest.approx(0.5, abs=0.05)
    bench.run(500, speed=0.5)
    assert np.ptp(bench.run(1000, speed=0.5), axis=0).max() == 0.0
    bench.run(500, speed=0.5, x=1.0)
    driven = bench.run(1000, speed=0.5, x=1.0)
    assert driven[-1, 0] - driven[0, 0] == pytest.approx(0.25 * (1 - 1 / rate), abs=0.005), "and is driven from there"


@pytest.mark.parametrize("rate", [20.0, 50.0, 100.0])
@pytest.mark.parametrize("acceleration", [0.25, 1.0, 2.0])
def test_a_set_point_with_an_acceleration_goes_as_fast_as_the_stick_asks(rate: float, acceleration: float) -> None:
    spec = replace(DRONE, rate=rate)
    limits = {
        "command_timeout": 0.25,
        "observation_timeout": 0.25,
        "position": {"order": "position", "rate": 1.0, "acceleration": acceleration, "measured": "pose"},
        "yaw": {"order": "position", "rate": 2.0, "initial": 0.0},
    }
    envelope, teleop = SafetyEnvelope(spec, limits), Teleop(spec, DRONE_SECTION, limits)
    start = at(-1.5, 0.0, 1.0)
    envelope.reset(start.values)
    sent = [np.array([-1.5, 0.0, 1.0, 0.0])]
    for k in range(round(5 * rate)):
        now, human = round(k / rate * 1e9), teleop.interpret(device(k / rate, x=1.0), start)
        out = envelope.filter(human.action, now=now, command_stamp=now, measured=start.values, measured_stamp=now)
        sent.append(out.action)
        teleop.follow(sent[-2], now - round(1e9 / rate))  # a period late
    speed = (sent[-1][0] - sent[-1 - round(2 * rate)][0]) / 2
    assert speed == pytest.approx(0.5, rel=0.03)


def test_a_target_waits_while_what_the_robot_is_sent_is_not_heard() -> None:
    teleop = Teleop(DRONE, DRONE_SECTION)
    teleop.interpret(device(0.0), at(0.0, 0.0, 1.0))
    teleop.follow(np.array([0.0, 0.0, 1.0, 0.0]))
    teleop.follow(np.full(4, math.nan))
    for k in range(1, 100):
        human = teleop.interpret(device(0.02 * k, x=1.0))
    assert human.action[0] == pytest.approx(0.05)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_axes_that_are_not_finite_release_the_clutch_and_are_counted(bad: float) -> None:
    teleop = Teleop(ARM, ARM_SECTION)
    human = teleop.interpret(device(buttons="clutch rewind estop", x=1.0, roll=bad))
    assert not human.engaged and not human.rewind
    assert "estop" in human.pressed
    np.testing.assert_array_equal(human.action, np.zeros(7))
    assert teleop.refused == 1


def test_axes_beyond_one_are_limited() -> None:
    assert Teleop(ARM, ARM_SECTION).interpret(device(x=40.0)).action[0] == 0.25


def test_a_target_starts_where_the_robot_is_and_moves_by_the_integral_of_the_axes() -> None:
    teleop = Teleop(DRONE, DRONE_SECTION)
    first = teleop.interpret(device(0.0, x=1.0, yaw=1.0), at(0.1, 0.2, 1.0, yaw=0.3))
    np.testing.assert_allclose(first.action, [0.1, 0.2, 1.0, 0.3])  # no jump at the press
    second = teleop.interpret(device(0.02, x=1.0, yaw=1.0), at(9.0, 9.0, 9.0))
    np.testing.assert_allclose(second.action, [0.1 + 0.5 * 0.02, 0.2, 1.0, 0.3 + 1.0 * 0.02])
    third = teleop.interpret(device(0.06, z=-0.5))
    np.testing.assert_allclose(third.action, [0.11, 0.2, 1.0 - 0.5 * 0.4 * 0.04, 0.32])


def test_a_released_clutch_asks_for_the_measured_place_and_each_press_starts_there() -> None:
    teleop = Teleop(DRONE, DRONE_SECTION)
    for k in range(6):
        teleop.interpret(device(0.02 * k, x=1.0), at(0, 0, 1))
    released = teleop.interpret(device(0.2, buttons="", x=1.0), at(0.5, 0, 1))
    np.testing.assert_allclose(released.action, [0.5, 0, 1, 0])
    assert not released.engaged
    pressed = teleop.interpret(device(0.22, x=1.0), at(0.7, 0, 1))
    np.testing.assert_allclose(pressed.action, [0.7, 0, 1, 0])


def test_a_target_stays_inside_the_bounds_and_comes_back_from_them_at_once() -> None:
    teleop = Teleop(DRONE, DRONE_SECTION)
    teleop.interpret(device(0.0), at(1.99, 0, 1))
    for k in range(1, 50):
        human = teleop.interpret(device(0.1 * k, x=1.0))
    assert human.action[0] == 2.0
    assert teleop.interpret(device(5.0, x=-1.0)).action[0] == pytest.approx(2.0 - 0.5 * 0.1)


def test_a_late_or_backward_stamp_makes_no_leap() -> None:
    teleop = Teleop(DRONE, DRONE_SECTION)
    teleop.interpret(device(10.0), at(0, 0, 1))
    assert teleop.interpret(device(9.0, x=1.0)).action[0] == 0.0
    assert teleop.interpret(device(60.0, x=1.0)).action[0] == pytest.approx(0.5 * 0.1)


@pytest.mark.parametrize("reading", [None, Reading({}, {}), at(math.nan, 0, 1)])
def test_a_clutch_pressed_with_nothing_measured_to_start_from_does_not_engage(reading: Reading | None) -> None:
    teleop = Teleop(DRONE, DRONE_SECTION)
    human = teleop.interpret(device(x=1.0), reading)
    assert not human.engaged
    assert np.isnan(human.action).all()
    assert teleop.refused == 1
    assert teleop.interpret(device(), at(0, 0, 1)).engaged


def test_a_heading_goes_on_across_the_seam() -> None:
    yaw = Field("yaw", (1,), unit="rad", low=(-3.1416,), high=(3.1416,), wraps=True)
    teleop = Teleop(replace(DRONE, action=Layout((DRONE.action["position"], yaw))), DRONE_SECTION)
    teleop.interpret(device(0.0, yaw=1.0), at(0, 0, 1, yaw=3.1))
    for k in range(1, 3):
        human = teleop.interpret(device(0.05 * k, yaw=1.0), at(0, 0, 1, yaw=3.1))
    assert human.action[3] == pytest.approx(3.2 - 2 * math.pi, abs=1e-12)


def test_a_pose_target_turns_about_the_fixed_axes() -> None:
    spec = Spec("arm", 20.0, ARM.observation, Layout((Field("pose", (7,), "pose", low=(-2,) * 7, high=(2,) * 7),)))
    section = {
        "axes": {"x": "pose.x", "yaw": "pose.yaw"},
        "scale": {"pose.x": 1.0, "pose.yaw": 2.0},
        "integrate": True,
        "reference": "ee_pose",
    }
    teleop = Teleop(spec, section)
    teleop.interpret(device(0.0, yaw=1.0), at(0.4, 0.0, 0.2))
    for k in range(1, 6):
        human = teleop.interpret(device(0.05 * k, x=0.5, yaw=1.0))
    np.testing.assert_allclose(human.action, [0.4 + 0.125, 0, 0.2, 0, 0, math.sin(0.25), math.cos(0.25)], atol=1e-12)


@pytest.mark.parametrize(
    ("spec", "change", "message"),
    [
        (ARM, {"axis": {}}, "unknown option 'axis'. Did you mean 'axes'"),
        (ARM, {"axes": {"x": "twist.v"}}, "no action number 'twist.v'. Did you mean 'twist.v"),
        (ARM, {"axes": {"surge": "twist.vx"}}, "no canonical axis 'surge'"),
        (ARM, {"axes": {"x": "gripper"}}, "no action number 'gripper'"),
        (ARM, {"scale": {"twist.vx": "fast"}}, r"scale\.twist\.vx is 'fast'; it must be a number"),
        (ARM, {"scale": {"twist.ox": 1.0}}, "no action number 'twist.ox'"),
        (ARM, {"gripper": {"field": "hand", "open": 0, "closed": 1}}, "no action field 'hand'"),
        (ARM, {"gripper": {"field": "gripper", "open": 0, "closed": 2}}, "2 is outside the bounds 0 to 1"),
        (ARM, {"gripper": {"field": "gripper", "open": 0}}, r"gripper\.closed' is missing"),
        (ARM, {"gripper": {**GRIPPER, "measured": "width"}}, "'width' is in 'mm' and the action 'gripper' in '1'"),
        (DRONE, {"reference": "odometry"}, "no observation field 'odometry'"),
        (DRONE, {"scale": {"position.x": 1.0, "position.z": 1.0}}, "'yaw' is missing"),
        (DRONE, {"axes": None}, "axes is empty; it must be a mapping"),
    ],
)
def test_a_wrong_section_is_refused_with_the_key(spec: Spec, change: dict, message: str) -> None:
    section = {**(ARM_SECTION if spec is ARM else DRONE_SECTION), **change}
    with pytest.raises(ConfigError, match=message):
        Teleop(spec, section)


def test_a_robot_without_a_teleop_section_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"robot 'arm', control mode 'cartesian_velocity'.*missing in robot.yaml"):
        Teleop(ARM, {})


@pytest.mark.parametrize(
    ("robot", "mode"), [("sim_lift", None), ("sim_crazyflie", "velocity"), ("sim_crazyflie", "position")]
)
def test_full_deflection_stays_inside_the_bounds_of_the_committed_robots(robot: str, mode: str | None) -> None:
    cfg = config.load(robot, mode)
    teleop = Teleop(cfg.spec, cfg.teleop)
    values = {f.name: np.zeros(f.shape) for f in cfg.spec.observation.vectors}
    for f in cfg.spec.observation.vectors:
        if f.kind == "pose":
            values[f.name] = np.array([0.0, 0.0, 1.0, 0, 0, 0, 1])
    reading = Reading(values, dict.fromkeys(values, 0))
    teleop.interpret(device(0.0), reading)
    for sign in (1.0, -1.0):
        human = teleop.interpret(device(0.02, **dict.fromkeys(AXES, sign)), reading)
        assert human.engaged
        assert (human.action >= cfg.spec.action.low).all() and (human.action <= cfg.spec.action.high).all()
        assert np.count_nonzero(human.action) >= 4
