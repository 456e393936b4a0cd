"""The MJCF of the surface and the wiping tool, for cameras: columns and a box placed by qpos, without physics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robot_rl.sim.planar.wiping_task import Surface

_SEEN = 'contype="0" conaffinity="0"'
_COLUMNS = 48
_EDGE = 0.02
"""The surface is shown this far beyond both ends of the path [m]."""
_HALF = 0.02
"""Half the height of a column, and half the tool's length [m]."""


def column_centres(length: float) -> NDArray[np.float64]:
    """The x of each column [m], (N,)."""
    edges = np.linspace(-_EDGE, length + _EDGE, _COLUMNS + 1)
    return (edges[1:] + edges[:-1]) / 2


def scene_xml(length: float) -> str:
    """MJCF text; qpos is the height of the surface at each column [m], then x and z of the tool's tip [m].

    Camera `front` looks along +y, so x is to the right and z up in the picture.
    """
    centres = column_centres(length)
    half = (centres[1] - centres[0]) / 2
    columns = "\n".join(
        f'    <body pos="{x:.6f} 0 0"><inertial pos="0 0 0" mass="1" diaginertia="0.01 0.01 0.01"/>'
        f'<joint name="height_{i}" type="slide" axis="0 0 1"/>'
        f'<geom {_SEEN} type="box" size="{half:.6f} 0.03 {_HALF}" pos="0 0 {-_HALF}" rgba="0.45 0.5 0.58 1"/></body>'
        for i, x in enumerate(centres)
    )
    return f"""<mujoco model="wiping">
  <compiler angle="radian"/>
  <option gravity="0 0 0"/>
  <visual><map znear="0.01" zfar="20"/></visual>
  <worldbody>
    <light pos="0 -0.5 1" dir="0 0.4 -1" directional="true" diffuse="0.8 0.8 0.8"/>
    <camera name="front" pos="{length / 2} -0.32 0.01" xyaxes="1 0 0 0 0 1" fovy="36"/>
{columns}
    <body name="tool">
      <inertial pos="0 0 0" mass="1" diaginertia="0.01 0.01 0.01"/>
      <joint name="x" type="slide" axis="1 0 0"/>
      <joint name="z" type="slide" axis="0 0 1"/>
      <geom {_SEEN} type="box" size="0.004 0.03 {_HALF}" pos="0 0 {_HALF}" rgba="0.9 0.55 0.15 1"/>
    </body>
  </worldbody>
</mujoco>"""


def scene_qpos(surface: Surface, length: float, x: float, z: float) -> NDArray[np.float64]:
    """The qpos of `scene_xml` for a tool tip at (x, z) [m]."""
    return np.array([*(surface.height(float(c)) for c in column_centres(length)), x, z])
