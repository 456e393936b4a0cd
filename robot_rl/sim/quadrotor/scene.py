"""The MuJoCo scene: a quadrotor with a free joint and four motors, a goal, a floor, markers and two cameras.

World frame: x east, y north, z up. Body frame: x forward, y left, z up. `qpos` is the vehicle's pose
(7, quaternion w x y z) and then the goal's x y z: the goal is part of the state, so that whoever draws
the published state draws the goal too.
"""

from __future__ import annotations

import math

from robot_rl.sim.quadrotor.parameters import GRAVITY, YAW_SIGNS, QuadrotorParameters

TIMESTEP_NS = 2_000_000
"""Period of the physics and of the on-board controller [ns]: 500 Hz."""

HALF_HEIGHT = 0.0125
"""Half the height of the vehicle's collision box [m]: where its centre rests on the floor."""

GOAL_RADIUS = 0.1
"""[m]"""

_ASSETS = """
  <asset>
    <texture name="sky" type="skybox" builtin="gradient" rgb1="0.75 0.85 0.95" rgb2="0.3 0.45 0.65"
      width="64" height="384"/>
    <texture name="floor" type="2d" builtin="checker" rgb1="0.42 0.45 0.48" rgb2="0.58 0.60 0.62"
      width="256" height="256"/>
    <material name="floor" texture="floor" texrepeat="1 1" texuniform="true"/>
  </asset>
  <visual><map znear="0.005" zfar="40"/></visual>"""

_POLES = (
    ("red", 2.2, 2.2, "0.85 0.2 0.2 1"),
    ("green", -2.2, 2.2, "0.2 0.7 0.3 1"),
    ("blue", -2.2, -2.2, "0.2 0.35 0.85 1"),
    ("yellow", 2.2, -2.2, "0.9 0.8 0.2 1"),
)

_SEEN = 'contype="0" conaffinity="0"'
"""Attributes of a geom that is drawn and touches nothing."""


def scene_xml(p: QuadrotorParameters) -> str:
    """MJCF text of the scene for one vehicle; it needs no file beside it."""
    return f"""<mujoco model="quadrotor">
  <compiler angle="radian"/>
  <option timestep="{TIMESTEP_NS * 1e-9:g}" gravity="0 0 -{GRAVITY:g}" integrator="implicitfast"/>{_ASSETS}
  <worldbody>
    <light pos="0 0 6" dir="0.2 0.1 -1" directional="true" diffuse="0.8 0.8 0.8"/>
    <geom name="floor" type="plane" size="6 6 0.1" material="floor"/>
{_markers()}
{_vehicle(p)}
{_goal()}
  </worldbody>
  <actuator>
{_motors(p)}
  </actuator>
  <sensor>
    <gyro name="gyro" site="imu"/>
    <accelerometer name="accelerometer" site="imu"/>
  </sensor>
</mujoco>
"""


def _markers() -> str:
    """Four coloured poles in the corners and a cross at the origin; seen, not touched."""
    poles = [
        f'    <geom name="pole_{name}" type="cylinder" pos="{x} {y} 0.75" size="0.04 0.75" rgba="{rgba}" {_SEEN}/>'
        for name, x, y, rgba in _POLES
    ]
    cross = [
        f'    <geom name="origin_{axis}" type="box" pos="0 0 0.001" size="{size}" rgba="{rgba}" {_SEEN}/>'
        for axis, size, rgba in (("x", "0.3 0.02 0.001", "0.8 0.2 0.2 1"), ("y", "0.02 0.3 0.001", "0.2 0.7 0.2 1"))
    ]
    return "\n".join(poles + cross)


def _vehicle(p: QuadrotorParameters) -> str:
    arm = p.lever * math.sqrt(2.0)
    inertia = " ".join(f"{i:.6g}" for i in p.inertia)
    rotors = [
        f'      <site name="motor{i + 1}" pos="{x:.6g} {y:.6g} 0"/>\n'
        f'      <geom name="rotor{i + 1}" type="cylinder" pos="{x:.6g} {y:.6g} 0.008" size="0.0225 0.001" {_SEEN} '
        f'rgba="{"0.95 0.45 0.1 0.8" if x > 0 else "0.15 0.15 0.15 0.8"}"/>'
        for i, (x, y) in enumerate(p.motor_positions.tolist())
    ]
    arms = [
        f'      <geom name="arm{i}" type="box" size="{arm:.6g} 0.003 0.002" euler="0 0 {angle}" {_SEEN} '
        'rgba="0.2 0.2 0.2 1"/>'
        for i, angle in enumerate((0.785398, -0.785398))
    ]
    return "\n".join(
        [
            f'    <body name="quadrotor" pos="0 0 {HALF_HEIGHT}">',
            '      <freejoint name="quadrotor"/>',
            f'      <inertial pos="0 0 0" mass="{p.mass:.6g}" diaginertia="{inertia}"/>',
            f'      <geom name="hull" type="box" size="{p.lever:.6g} {p.lever:.6g} {HALF_HEIGHT}" group="3" '
            'rgba="0 0 0 0" friction="0.8"/>',
            f'      <geom name="board" type="box" size="0.017 0.015 0.006" rgba="0.1 0.3 0.15 1" {_SEEN}/>',
            *arms,
            *rotors,
            '      <site name="imu"/>',
            '      <camera name="front" pos="0.03 0 0.01" xyaxes="0 -1 0 0 0 1" fovy="75"/>',
            '      <camera name="chase" mode="track" pos="-0.55 0 0.2" xyaxes="0 -1 0 0.22 0 0.975" fovy="70"/>',
            "    </body>",
        ]
    )


def _goal() -> str:
    """A ball that is placed, not simulated: weightless, damped so heavily that it stays where it is put."""
    slides = [
        f'      <joint name="goal_{axis}" type="slide" axis="{vector}" damping="1"/>'
        for axis, vector in (("x", "1 0 0"), ("y", "0 1 0"), ("z", "0 0 1"))
    ]
    return "\n".join(
        [
            '    <body name="goal" gravcomp="1">',
            *slides,
            f'      <geom name="goal" type="sphere" size="{GOAL_RADIUS}" mass="0.001" rgba="0.1 0.9 0.3 0.3" {_SEEN}/>',
            f'      <geom name="goal_centre" type="sphere" size="0.02" mass="0" rgba="0.1 0.6 0.2 1" {_SEEN}/>',
            "    </body>",
        ]
    )


def _motors(p: QuadrotorParameters) -> str:
    """Thrust along body z with its reaction torque, behind an exactly integrated first-order lag."""
    lag = (
        f'dyntype="filterexact" dynprm="{p.motor_time_constant:.6g}"' if p.motor_time_constant > 0 else 'dyntype="none"'
    )
    return "\n".join(
        f'    <general name="motor{i + 1}" site="motor{i + 1}" gear="0 0 1 0 0 {sign * p.torque_ratio:.6g}" '
        f'ctrllimited="true" ctrlrange="0 {p.thrust_max:.6g}" {lag} gaintype="fixed" gainprm="1" biastype="none"/>'
        for i, sign in enumerate(YAW_SIGNS.tolist())
    )
