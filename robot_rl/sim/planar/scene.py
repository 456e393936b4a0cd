"""The MJCF of the peg and the slotted plate, for cameras: boxes placed by qpos, with no physics of their own."""

from __future__ import annotations

from robot_rl.sim.planar.contact import Geometry

_SEEN = 'contype="0" conaffinity="0"'
_PLATE = 0.12
"""Length of each half of the plate [m]."""
_THICK = 0.03
"""Half the extent of everything along y [m]."""


def scene_xml(shape: Geometry) -> str:
    """MJCF text; qpos is the true x of the slot [m], then x, z [m] and theta [rad] of the tip. Camera: `front`.

    The camera looks along +y at the plate's edge, so x is to the right and z up in the picture.
    """
    half, base = _PLATE / 2, 0.01
    at = shape.slot_half_width + half
    return f"""<mujoco model="pegslot">
  <compiler angle="radian"/>
  <option gravity="0 0 0"/>
  <visual><map znear="0.01" zfar="20"/></visual>
  <worldbody>
    <light pos="0 -0.5 1" dir="0 0.4 -1" directional="true" diffuse="0.8 0.8 0.8"/>
    <camera name="front" pos="0 -0.22 0.01" xyaxes="1 0 0 0 0 1" fovy="34"/>
    <body name="plate">
      <inertial pos="0 0 0" mass="1" diaginertia="0.01 0.01 0.01"/>
      <joint name="slot_x" type="slide" axis="1 0 0"/>
      <geom {_SEEN} type="box" size="{half} {_THICK} {shape.depth / 2}" pos="{-at} 0 {-shape.depth / 2}"
        rgba="0.45 0.5 0.58 1"/>
      <geom {_SEEN} type="box" size="{half} {_THICK} {shape.depth / 2}" pos="{at} 0 {-shape.depth / 2}"
        rgba="0.45 0.5 0.58 1"/>
      <geom {_SEEN} type="box" size="{_PLATE} {_THICK} {base / 2}" pos="0 0 {-shape.depth - base / 2}"
        rgba="0.3 0.33 0.4 1"/>
    </body>
    <body name="peg">
      <inertial pos="0 0 0" mass="1" diaginertia="0.01 0.01 0.01"/>
      <joint name="x" type="slide" axis="1 0 0"/>
      <joint name="z" type="slide" axis="0 0 1"/>
      <joint name="theta" type="hinge" axis="0 1 0"/>
      <geom {_SEEN} type="box" size="{shape.half_width} {_THICK} {shape.length / 2}" pos="0 0 {shape.length / 2}"
        rgba="0.9 0.55 0.15 1"/>
    </body>
  </worldbody>
</mujoco>"""
