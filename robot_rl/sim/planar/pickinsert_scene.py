"""The MJCF of plate, peg and gripper, for cameras: boxes placed by qpos, with no physics of their own."""

from __future__ import annotations

from robot_rl.sim.planar.contact import Geometry

_SEEN = 'contype="0" conaffinity="0"'
_INERTIA = '<inertial pos="0 0 0" mass="1" diaginertia="0.01 0.01 0.01"/>'
_PLATE, _THICK = 0.16, 0.03


def scene_xml(shape: Geometry) -> str:
    """MJCF text; qpos is the slot's x, the peg's x, z, theta, the hand's x, z, half the gap. Camera: `front`."""
    half, at = _PLATE / 2, shape.slot_half_width + _PLATE / 2
    plate = "".join(
        f'<geom {_SEEN} type="box" size="{half} {_THICK} {shape.depth / 2}" pos="{side * at} 0 {-shape.depth / 2}" '
        'rgba="0.45 0.5 0.58 1"/>'
        for side in (-1, 1)
    )
    finger = f'<geom {_SEEN} type="box" size="0.004 0.012 0.012" pos="{{x}} 0 0" rgba="0.2 0.6 0.35 1"/>'
    return f"""<mujoco model="pickinsert">
  <compiler angle="radian"/>
  <option gravity="0 0 0"/>
  <visual><map znear="0.01" zfar="20"/></visual>
  <worldbody>
    <light pos="0 -0.5 1" dir="0 0.4 -1" directional="true" diffuse="0.8 0.8 0.8"/>
    <camera name="front" pos="0 -0.32 0.035" xyaxes="1 0 0 0 0 1" fovy="34"/>
    <body name="plate">{_INERTIA}<joint name="slot_x" type="slide" axis="1 0 0"/>{plate}</body>
    <body name="peg">{_INERTIA}
      <joint name="x" type="slide" axis="1 0 0"/>
      <joint name="z" type="slide" axis="0 0 1"/>
      <joint name="theta" type="hinge" axis="0 1 0"/>
      <geom {_SEEN} type="box" size="{shape.half_width} 0.01 {shape.length / 2}" pos="0 0 {shape.length / 2}"
        rgba="0.9 0.55 0.15 1"/>
    </body>
    <body name="hand">{_INERTIA}
      <joint name="hand_x" type="slide" axis="1 0 0"/>
      <joint name="hand_z" type="slide" axis="0 0 1"/>
      <geom {_SEEN} type="box" size="0.03 0.012 0.005" pos="0 0 0.02" rgba="0.25 0.27 0.3 1"/>
      <body name="left">{_INERTIA}<joint name="gap" type="slide" axis="-1 0 0"/>{finger.format(x=-0.004)}</body>
      <body name="right">{finger.format(x=0.018)}</body>
    </body>
  </worldbody>
</mujoco>"""
