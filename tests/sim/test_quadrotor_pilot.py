"""The scripted pilot: it gets there, and it steps in when a policy does not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from robot_rl.control.envelope import SafetyEnvelope
from robot_rl.hardware import config
from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.human import DeviceInput
from robot_rl.hardware.robot import Reading
from robot_rl.hardware.teleop import Teleop
from robot_rl.sim.operators.quadrotor import QuadrotorPilot


def flights(mode, quality, seeds, changed=None):
    """How many steps each demonstration took through teleoperation and envelope, None where it failed.

    `changed`, a list, is given for each step whether the envelope changed the command.
    """
    loaded = config.load("sim_crazyflie", mode)
    robot, pilot = config.make(loaded), QuadrotorPilot(loaded, quality=quality)
    teleop, envelope = Teleop(loaded.spec, loaded.teleop), SafetyEnvelope(loaded.spec, loaded.limits)
    lengths = []
    for seed in seeds:
        reading = robot.reset(seed)
        pilot.reset(seed)
        teleop.reset()
        envelope.reset(reading.values)
        held, length = 0, None
        for step in range(loaded.task["horizon"]):
            human = teleop.interpret(pilot.input(reading, policy_active=False), reading)
            assert human.engaged
            now = robot.clock.now()
            passed = envelope.filter(
                human.action, now=now, command_stamp=human.stamp, measured=reading.values, measured_stamp=reading.stamp
            )
            if changed is not None:
                changed.append(bool(passed.flags))
            robot.send(passed.action)
            robot.clock.sleep_until(now + robot.spec.period_ns)
            reading = robot.read()
            held = held + 1 if robot.outcome().success else 0
            if held == loaded.task["success_hold"]:
                length = step + 1
                break
        lengths.append(length)
    return lengths


def test_with_sticks_scaled_to_velocity_it_holds_the_goal_from_at_least_19_of_20_starts():
    lengths = flights("velocity", "mixed", range(20))
    assert sum(length is not None for length in lengths) >= 19
    assert 100 < np.mean([length for length in lengths if length]) < 300


def test_its_velocities_keep_within_the_limits():
    changed = []
    flights("velocity", "mixed", range(3), changed)
    assert np.mean(changed) < 0.02


def test_it_flies_by_position_setpoints_too():
    assert all(flights("position", "expert", range(4)))


def test_a_poor_pilot_takes_longer_than_an_expert():
    poor, expert = flights("velocity", "poor", range(5)), flights("velocity", "expert", range(5))
    assert all(poor) and all(expert)
    assert np.mean(poor) > 1.2 * np.mean(expert)


def make_pilot(quality="expert"):
    return QuadrotorPilot(config.load("sim_crazyflie"), quality=quality)


def reading(position, goal=(1.0, 0.0, 1.0), stamp=0):
    values = {"pose": np.array([*position, 0.0, 0.0, 0.0, 1.0]), "goal": np.array(goal)}
    return Reading(values, dict.fromkeys(values, stamp))


def settled(pilot, seen):
    """What the pilot holds once the sticks are where they are meant to be: 2 s at 2 m/s^2 are enough."""
    return [pilot.input(seen, policy_active=False) for _ in range(100)][-1]


def test_sticks_move_no_faster_than_the_acceleration_limit():
    pilot = make_pilot()
    # 2 m/s^2 for 20 ms of a stick worth 1 m/s; 1.5 m/s^2 of one worth 0.6 m/s
    for k in (1, 2):
        held = pilot.input(reading((0.0, 0.0, 0.2)), policy_active=False)
        np.testing.assert_allclose(held.axes[[0, 2]], [0.98 * 0.04 * k, 0.98 * 0.05 * k], atol=1e-12)


def test_sticks_ask_for_the_gain_times_the_distance():
    held = settled(make_pilot(), reading((0.5, 0.0, 0.7), stamp=5))
    assert isinstance(held, DeviceInput) and held.stamp == 5 and held.buttons == {"clutch"}
    # 0.5 m ahead of a stick worth 1 m/s; 0.3 m below, of a stick worth 0.6 m/s
    np.testing.assert_allclose(held.axes, [0.5, 0.0, 0.5, 0.0, 0.0, 0.0], atol=1e-12)


def test_a_far_goal_is_flown_to_in_a_straight_line_at_full_stick():
    held = settled(make_pilot(), reading((-1.0, -1.0, 1.0), goal=(1.0, 0.0, 1.0)))
    np.testing.assert_allclose(held.axes[:3], [1.0, 0.5, 0.0], atol=1e-12)
    assert 0.0 < held.axes[5] <= 1.0  # the nose turns towards the goal


def test_equal_seeds_move_the_sticks_alike():
    one, other = make_pilot("poor"), make_pilot("poor")
    one.reset(3), other.reset(3)
    for k in range(50):
        seen = reading((0.01 * k, 0.0, 1.0))
        np.testing.assert_array_equal(
            one.input(seen, policy_active=False).axes, other.input(seen, policy_active=False).axes
        )


def watch(pilot, positions):
    """In which step the pilot first takes the clutch, None if never."""
    for k, position in enumerate(positions):
        held = pilot.input(reading(position), policy_active=True)
        if held.buttons:
            return k
        assert not held.axes.any()
    return None


def test_watching_it_leaves_a_policy_alone_that_gets_there_and_stays():
    approach = [(0.02 * k, 0.0, 1.0) for k in range(50)]
    assert watch(make_pilot(), approach + [(1.0, 0.0, 1.0)] * 300) is None


def test_watching_it_takes_over_when_nothing_moves_for_two_seconds():
    assert watch(make_pilot(), [(0.0, 0.0, 1.0)] * 200) == pytest.approx(100, abs=2)


def test_watching_it_takes_over_when_the_vehicle_strays_or_sinks():
    away = [(-0.02 * k, 0.0, 1.0) for k in range(100)]
    assert watch(make_pilot(), away) == 21  # the first step more than 0.4 m farther off
    assert watch(make_pilot(), [(0.5, 0.0, 1.0), (0.5, 0.0, 0.19)]) == 1


def test_once_in_control_it_keeps_it_until_the_next_episode():
    pilot = make_pilot()
    watch(pilot, [(0.5, 0.0, 0.1)])
    assert watch(pilot, [(0.6, 0.0, 1.0)]) == 0
    pilot.reset(1)
    assert watch(pilot, [(0.6, 0.0, 1.0)]) is None


def test_an_unknown_quality_and_an_axis_that_drives_nothing_are_refused():
    with pytest.raises(ConfigError, match="Did you mean 'expert'"):
        make_pilot("export")
    loaded = config.load("sim_crazyflie")
    lame = dataclasses.replace(loaded, teleop={"axes": {"x": "velocity.x"}})
    with pytest.raises(ConfigError, match="axis 'y' drives nothing"):
        QuadrotorPilot(lame)
