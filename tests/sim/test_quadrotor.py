"""The simulated quadrotor as a Robot: what it promises about time, states, commands and flight."""

from __future__ import annotations

import hashlib
import itertools
import math
import subprocess
import sys

import numpy as np
import pytest

from robot_rl.control.envelope import SafetyEnvelope
from robot_rl.hardware import config
from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Outcome, Robot, RobotError, Simulated
from robot_rl.sim.quadrotor.parameters import PARAMETERS
from robot_rl.sim.renderer import SceneRenderer

LEVEL = {"start_low": (0, 0, 1), "start_high": (0, 0, 1), "start_yaw": 0.0}


def make(mode="velocity", **options):
    return config.make(config.load("sim_crazyflie", mode), **options)


def fly(robot, action, seconds):
    """Poses (T, 7), twists (T, 6) and yaws (T,) while one command is held."""
    poses, twists, yaws = [], [], []
    for _ in range(round(seconds * robot.spec.rate)):
        robot.send(np.array(action, float))
        robot.clock.sleep_until(robot.clock.now() + robot.spec.period_ns)
        values = robot.read().values
        poses.append(values["pose"])
        twists.append(values["twist"])
        yaws.append(values["yaw"][0])
    return np.array(poses), np.array(twists), np.array(yaws)


def digest(robot, seed):
    """One number for a reset, a second of flight and everything read on the way."""
    reading = robot.reset(seed)
    sha = hashlib.sha256(b"".join(v.tobytes() for v in reading.values.values()))
    for action in ([0.5, -0.3, 0.2, 1.0], [-0.4, 0.6, -0.1, -1.0]):
        for part in fly(robot, action, 0.5):
            sha.update(part.tobytes())
    return sha.hexdigest()


def test_it_is_a_robot_and_simulated_in_both_modes():
    for mode in ("velocity", "position"):
        robot = make(mode)
        assert isinstance(robot, Robot) and isinstance(robot, Simulated)
        assert robot.spec.control_mode == mode


def test_every_reading_fits_the_spec():
    robot = make()
    for _ in range(3):
        reading = robot.read()
        assert set(reading.values) == set(robot.spec.observation) == set(reading.stamps)
        for name, field in robot.spec.observation.items():
            assert field.check(reading.values[name]).dtype == field.dtype
            assert np.isfinite(reading.values[name]).all()
        fly(robot, [0.3, 0.2, 0.1, 0.5], 0.5)


def test_time_passes_only_in_the_clock_a_control_period_at_a_time():
    robot = make()
    before = robot.read()
    robot.send(np.array([1.0, 0.0, 0.0, 0.0]))
    np.testing.assert_array_equal(robot.read().values["pose"], before.values["pose"])
    robot.clock.sleep_until(before.stamp + 1)
    assert robot.clock.now() == before.stamp + 20_000_000
    assert robot.read().stamps["pose"] == robot.clock.now()


def test_stamps_never_go_back_and_a_reset_makes_new_ones():
    robot = make()
    stamps = [robot.read().stamps]
    for seed in range(3):
        fly(robot, [0.0, 0.0, 0.0, 0.0], 0.1)
        stamps += [robot.read().stamps, robot.reset(seed).stamps]
    for earlier, later in itertools.pairwise(stamps):
        assert all(later[name] > earlier[name] for name in later)


def test_equal_seeds_give_bit_identical_flights_whatever_happened_before():
    robot = make()
    first = digest(robot, 7)
    assert digest(robot, 8) != first
    fly(robot, [1.0, 1.0, -0.6, 1.5], 3.0)
    assert digest(robot, 7) == first
    assert digest(make(seed=99), 7) == first


def test_equal_seeds_give_bit_identical_flights_in_another_process():
    code = (
        "import importlib.util as u\n"
        f"s = u.spec_from_file_location('t', {__file__!r}); m = u.module_from_spec(s); s.loader.exec_module(m)\n"
        "print(m.digest(m.make(), 7))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest(make(), 7)


def test_looking_does_not_change_the_flight():
    watched, alone = make(), make()
    watched.reset(3), alone.reset(3)
    for _ in range(25):
        for robot in (watched, alone):
            robot.send(np.array([0.4, 0.1, 0.0, 0.3]))
            robot.clock.sleep_until(robot.clock.now() + robot.spec.period_ns)
        watched.read(), watched.scene_state(), watched.outcome()
    np.testing.assert_array_equal(watched.scene_state().qpos, alone.scene_state().qpos)


def test_resets_without_a_seed_differ_and_repeat_with_the_robots_own_seed():
    one, other = make(seed=5), make(seed=5)
    starts = [one.reset().values["pose"] for _ in range(3)]
    assert not np.array_equal(starts[0], starts[1])
    np.testing.assert_array_equal(starts, [other.reset().values["pose"] for _ in range(3)])


@pytest.mark.parametrize("bad", [[np.nan, 0, 0, 0], [0, np.inf, 0, 0], [0, 0, 0], [[0, 0, 0, 0]]])
def test_a_command_that_is_not_finite_or_misshapen_is_refused(bad):
    robot = make()
    with pytest.raises(RobotError, match="4 finite numbers are needed"):
        robot.send(np.array(bad, float))
    assert np.abs(fly(robot, [0.0, 0.0, 0.0, 0.0], 0.2)[1]).max() < 1e-9


def test_what_was_sent_is_the_command_within_the_bounds():
    np.testing.assert_array_equal(make().send(np.array([3.0, -3.0, 0.1, 9.0])), [1.0, -1.0, 0.1, 1.5])


def test_hovering_it_stays_where_it_started_and_motors_carry_the_weight():
    robot = make()
    start = robot.reset(2).values["pose"]
    poses, _, _ = fly(robot, [0.0, 0.0, 0.0, 0.0], 4.0)
    np.testing.assert_allclose(poses[-1], start, atol=1e-6)
    values = robot.read().values
    np.testing.assert_allclose(values["thrust"], 0.0328 * 9.81 / 4, rtol=1e-6)
    np.testing.assert_allclose(values["specific_force"], [0.0, 0.0, 9.81], atol=1e-6)


@pytest.mark.parametrize("vehicle", sorted(PARAMETERS))
@pytest.mark.parametrize(("axis", "speed"), [(0, 1.0), (1, -0.5), (2, 0.5)])
def test_a_velocity_is_reached_within_five_per_cent_in_1_2_s_and_overshoots_less_than_three(vehicle, axis, speed):
    robot = make(vehicle=vehicle, **LEVEL)
    command = np.zeros(4)
    command[axis] = speed
    along = fly(robot, command, 2.2)[1][:, axis] / speed
    assert np.abs(along[60:] - 1.0).max() < 0.05
    assert along.max() < 1.03


def test_velocity_is_in_the_world_frame_whatever_the_heading():
    robot = make(start_low=(0, 0, 1), start_high=(0, 0, 1), start_yaw=0.0)
    _, _, yaws = fly(robot, [0.0, 0.0, 0.0, 1.5], 1.1)
    assert yaws[-1] > 1.4
    _, twists, _ = fly(robot, [0.8, 0.0, 0.0, 0.0], 1.5)
    np.testing.assert_allclose(twists[-1, :3], [0.8, 0.0, 0.0], atol=0.04)


def test_yaw_rate_is_followed_and_yaw_matches_the_pose():
    robot = make(**LEVEL)
    poses, twists, yaws = fly(robot, [0.0, 0.0, 0.0, 1.0], 3.5)
    np.testing.assert_allclose(twists[75:, 5], 1.0, atol=0.03)
    np.testing.assert_allclose(yaws, 2.0 * np.arctan2(poses[:, 5], poses[:, 6]), atol=1e-9)
    assert np.abs(poses[:, :3] - [0, 0, 1]).max() < 1e-3


@pytest.mark.parametrize("vehicle", sorted(PARAMETERS))
def test_a_position_is_reached_in_2_s_and_then_held_within_a_millimetre(vehicle):
    robot = make("position", vehicle=vehicle, **LEVEL)
    poses, _, yaws = fly(robot, [0.6, -0.8, 1.3, 1.0], 14.0)
    error = np.linalg.norm(poses[:, :3] - [0.6, -0.8, 1.3], axis=1)
    assert error[110:].max() < 0.05
    assert error[-50:].max() < 0.001
    np.testing.assert_allclose(yaws[-50:], 1.0, atol=0.005)


def test_the_shorter_way_round_is_taken_to_a_yaw():
    robot = make("position", start_low=(0, 0, 1), start_high=(0, 0, 1), start_yaw=0.0)
    fly(robot, [0, 0, 1, 3.0], 4.0)
    _, twists, yaws = fly(robot, [0, 0, 1, -3.0], 3.0)
    assert twists[:25, 5].max() > 0.1 and twists[:, 5].min() > -0.2
    assert abs(yaws[-1] + 3.0) < 0.01


def test_a_payload_the_controller_does_not_know_of_is_lifted_back_to_height():
    robot = make(**LEVEL)
    model = robot._dynamics.model
    model.body_mass[model.body("quadrotor").id] *= 1.15
    poses, _, _ = fly(robot, [0.0, 0.0, 0.0, 0.0], 8.0)
    assert 0.02 < 1.0 - poses[:, 2].min() < 0.2
    assert abs(poses[-1, 2] - 1.0) < 0.01


def test_stop_in_flight_brakes_and_holds_the_place():
    robot = make(**LEVEL)
    fly(robot, [1.0, 0.0, 0.0, 0.0], 1.5)
    robot.stop()
    period, places = robot.spec.period_ns, []
    for _ in range(200):
        robot.clock.sleep_until(robot.clock.now() + period)
        places.append(robot.read().values["pose"][0])
    assert abs(robot.read().values["twist"]).max() < 0.02
    assert max(places) - places[0] < 0.45 and abs(places[-1] - places[-50]) < 0.01


def test_on_the_floor_the_motors_are_off_until_asked_to_climb_and_after_landing():
    robot = make(start="ground")
    fly(robot, [0.5, 0.0, 0.0, 0.0], 0.5)
    values = robot.read().values
    assert not values["thrust"].any() and values["pose"][2] == pytest.approx(0.0125, abs=1e-3)
    poses, _, _ = fly(robot, [0.0, 0.0, 0.5, 0.0], 2.0)
    assert poses[-1, 2] > 0.5
    poses, _, _ = fly(robot, [0.0, 0.0, -0.4, 0.0], 4.0)
    assert poses[-1, 2] == pytest.approx(0.0125, abs=1e-3)
    assert np.abs(robot.read().values["thrust"]).max() < 1e-6
    robot.stop()
    np.testing.assert_allclose(fly(robot, [0.0, 0.0, 0.0, 0.0], 0.5)[0][:, :3], poses[-25:, :3], atol=1e-3)
    assert not robot.outcome().terminated


def test_a_position_setpoint_takes_off_and_lands():
    robot = make("position", start="ground")
    x, y = robot.reset(1).values["pose"][:2]
    assert fly(robot, [x, y, 1.0, 0.0], 4.0)[0][-1, 2] == pytest.approx(1.0, abs=0.05)
    assert fly(robot, [x, y, 0.0, 0.0], 6.0)[0][-1, 2] == pytest.approx(0.0125, abs=1e-3)
    assert np.abs(robot.read().values["thrust"]).max() < 1e-6


def test_upside_down_is_a_crash_and_the_motors_stay_off_until_reset():
    robot = make()
    robot._dynamics.data.qpos[3:7] = [0.0, 1.0, 0.0, 0.0]
    fly(robot, [0.0, 0.0, 0.6, 0.0], 0.1)
    outcome = robot.outcome()
    assert outcome.terminated and not outcome.success and outcome.reward == 0.0
    fly(robot, [0.0, 0.0, 0.6, 0.0], 2.0)
    assert np.abs(robot.read().values["thrust"]).max() < 1e-6 and robot.outcome().terminated
    robot.reset(0)
    assert not robot.outcome().terminated


def test_leaving_the_arena_is_a_crash():
    robot = make(arena_high=(1.0, 3.0, 3.0), **LEVEL)
    fly(robot, [1.0, 0.0, 0.0, 0.0], 0.8)
    assert not robot.outcome().terminated
    fly(robot, [1.0, 0.0, 0.0, 0.0], 1.0)
    assert robot.outcome().terminated


def test_reward_and_success_are_there_at_the_goal_only():
    robot = make("position", **LEVEL)
    goal = robot.reset(4).values["goal"]
    distance = math.dist(goal, (0.0, 0.0, 1.0))
    assert distance >= 0.7
    assert robot.outcome() == Outcome(reward=0.0, success=False)
    fly(robot, [*goal, 0.0], 6.0)
    assert robot.outcome() == Outcome(reward=1.0, success=True)


def test_a_minute_in_the_air_leaves_quaternion_and_energy_sound():
    robot = make(**LEVEL)
    rng = np.random.default_rng(0)
    for _ in range(60):
        to_the_middle = -robot.read().values["pose"][:3] + [0.0, 0.0, 1.0]
        poses, twists, _ = fly(robot, np.append(to_the_middle + rng.uniform(-1, 1, 3), rng.uniform(-1, 1)), 1.0)
        np.testing.assert_allclose(np.linalg.norm(poses[:, 3:], axis=1), 1.0, atol=1e-9)
        kinetic = 0.5 * 0.0328 * (twists[:, :3] ** 2).sum(axis=1)
        assert kinetic.max() < 0.5 * 0.0328 * 2.0**2 and np.abs(poses[:, :3]).max() < 3.0
    assert robot.clock.now() >= 60_000_000_000 and not robot.outcome().terminated


def test_under_the_envelope_no_stick_drives_it_out_of_the_workspace():
    loaded = config.load("sim_crazyflie")
    robot, envelope = config.make(loaded), SafetyEnvelope(loaded.spec, loaded.limits)
    reading = robot.reset(0)
    envelope.reset(reading.values)
    farthest = np.zeros(3)
    for stick in ([1, 1, 0.6, 0], [-1, -1, 0.6, 1], [1, -1, -0.6, 0]):
        for _ in range(300):
            now = robot.clock.now()
            passed = envelope.filter(
                np.array(stick, float), now=now, command_stamp=now, measured=reading.values, measured_stamp=now
            )
            robot.send(passed.action)
            robot.clock.sleep_until(now + robot.spec.period_ns)
            reading = robot.read()
            farthest = np.maximum(farthest, np.abs(reading.values["pose"][:3]))
    assert not robot.outcome().terminated
    assert (farthest <= [2.02, 2.02, 2.22]).all() and (farthest >= [1.9, 1.9, 2.1]).all()


def test_the_published_scene_is_rendered_with_the_goal_in_it():
    robot = make("position", goal_low=(1, -0.1, 1), goal_high=(1.5, 0.1, 1.2), goal_distance=0.2, **LEVEL)
    robot.reset(0)
    renderer = SceneRenderer(robot.scene_xml())
    try:
        for camera in ("front", "chase"):
            seen = renderer.render(robot.scene_state().qpos, camera, 96, 96).astype(int)
            elsewhere = robot.scene_state().qpos.copy()
            elsewhere[7:10] = -2.0, 0.0, -1.0
            missing = renderer.render(elsewhere, camera, 96, 96).astype(int)
            greener = (seen[..., 1] - seen[..., 0]) - (missing[..., 1] - missing[..., 0])
            assert (greener > 20).sum() > 20
    finally:
        renderer.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vehicle": "cf21b_50"}, "Did you mean 'cf21b_500'"),
        ({"start": "moon"}, "neither 'hover' nor 'ground'"),
        ({"goal_low": (2, 0, 0)}, "low <= high"),
        ({"goal_distance": 9.0}, "widen the box"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make(**options)


def test_once_closed_everything_is_refused():
    robot = make()
    robot.close()
    robot.close()
    for call in (robot.reset, robot.read, robot.stop, robot.scene_xml, robot.scene_state, robot.outcome):
        with pytest.raises(RobotError, match="closed"):
            call()
    with pytest.raises(RobotError, match="closed"):
        robot.send(np.zeros(4))
    with pytest.raises(RobotError, match="closed"):
        robot.clock.sleep_until(robot.clock.now() + 1)
