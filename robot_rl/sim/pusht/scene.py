"""The MJCF of PushT for cameras: flat shapes placed by qpos, with no physics of their own."""

from __future__ import annotations

import math

from robot_rl.sim.pusht.table import FINGER, GOAL, OUTLINE, SIZE

_SEEN = 'contype="0" conaffinity="0"'
_HEIGHT = 1.0
"""Of the camera over the table [m]."""


def scene_xml() -> str:
    """MJCF text; qpos is x and y of the finger [m], then x, y [m] and angle [rad] of the T. Camera: `top`.

    z points into the table, so the camera stands at negative z; x is to the right and y down in its picture.
    """
    half, fovy = SIZE / 2, math.degrees(2.0 * math.atan(0.5 * SIZE / _HEIGHT))
    x, y, angle = GOAL
    return f"""<mujoco model="pusht">
  <compiler angle="radian"/>
  <option gravity="0 0 0"/>
  <visual><map znear="0.1" zfar="20"/><headlight ambient="0.4 0.4 0.4" diffuse="0.5 0.5 0.5" specular="0 0 0"/></visual>
  <worldbody>
    <camera name="top" pos="{half} {half} {-_HEIGHT}" xyaxes="1 0 0 0 -1 0" fovy="{fovy}"/>
    <geom {_SEEN} type="box" size="{half} {half} 0.005" pos="{half} {half} 0.01" rgba="1 1 1 1"/>
    <body pos="{x} {y} 0.004" euler="0 0 {angle}">
{_tee("0.56 0.93 0.56 1", 0.001)}
    </body>
    <body name="finger">
      <inertial pos="0 0 0" mass="1" diaginertia="0.01 0.01 0.01"/>
      <joint name="finger_x" type="slide" axis="1 0 0"/>
      <joint name="finger_y" type="slide" axis="0 1 0"/>
      <geom {_SEEN} type="cylinder" size="{FINGER} 0.01" pos="0 0 -0.01" rgba="0.25 0.41 0.88 1"/>
    </body>
    <body name="block">
      <inertial pos="0 0 0" mass="1" diaginertia="0.01 0.01 0.01"/>
      <joint name="block_x" type="slide" axis="1 0 0"/>
      <joint name="block_y" type="slide" axis="0 1 0"/>
      <joint name="block_angle" type="hinge" axis="0 0 1"/>
{_tee("0.47 0.53 0.6 1", 0.005)}
    </body>
  </worldbody>
</mujoco>"""


def _tee(color: str, thick: float) -> str:
    """The bar and the stem as two boxes, `thick` half their height [m]."""
    right, low, inner, end = OUTLINE[1, 0], OUTLINE[2, 1], OUTLINE[4, 0], OUTLINE[4, 1]
    bar = f'size="{right} {low / 2} {thick}" pos="0 {low / 2} {-thick}"'
    stem = f'size="{inner} {(end - low) / 2} {thick}" pos="0 {(end + low) / 2} {-thick}"'
    return "\n".join(f'      <geom {_SEEN} type="box" {part} rgba="{color}"/>' for part in (bar, stem))
