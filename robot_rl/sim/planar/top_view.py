"""The MJCF of a plane seen from above, for cameras: boxes on a floor, some of which slide along y, and a point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SEEN = 'contype="0" conaffinity="0"'
_INERTIA = '<inertial pos="0 0 0" mass="1" diaginertia="0.01 0.01 0.01"/>'
_GREY, _BLUE = "0.4 0.44 0.52 1", "0.25 0.45 0.8 1"


@dataclass(frozen=True)
class Block:
    """An upright box that stands on the floor [m]."""

    x: float
    y: float
    half_x: float
    half_y: float


def scene_xml(
    name: str, fixed: Sequence[Block], sliding: Sequence[Sequence[Block]], goal: Block, camera: tuple[float, ...]
) -> str:
    """MJCF text; qpos is the y of each group of `sliding` [m], then x and y of the point. Camera: `front`.

    Args:
        sliding: groups of boxes; each group moves along y as one.
        goal: drawn flat on the floor.
        camera: x and y it looks at, and how far along y it sees [m].
    """
    x, y, span = camera
    height = span / 2 / 0.5774  # fovy 60 degrees: tan(30 degrees) is 0.5774
    groups = "".join(
        f'<body name="group{i}">{_INERTIA}<joint name="y{i}" type="slide" axis="0 1 0"/>{_boxes(group, _BLUE)}</body>'
        for i, group in enumerate(sliding)
    )
    return f"""<mujoco model="{name}">
  <option gravity="0 0 0"/>
  <visual><map znear="0.01" zfar="20"/></visual>
  <worldbody>
    <light pos="{x} {y} 2" dir="0.1 0.1 -1" directional="true" diffuse="0.8 0.8 0.8"/>
    <camera name="front" pos="{x} {y} {height}" xyaxes="1 0 0 0 1 0" fovy="60"/>
    <geom {_SEEN} type="plane" size="2 2 0.1" rgba="0.85 0.85 0.82 1"/>
    <geom {_SEEN} type="box" pos="{goal.x} {goal.y} 0.0005" size="{goal.half_x} {goal.half_y} 0.0005"
      rgba="0.3 0.7 0.35 1"/>
    {_boxes(fixed, _GREY)}{groups}
    <body name="point">{_INERTIA}
      <joint name="x" type="slide" axis="1 0 0"/>
      <joint name="y" type="slide" axis="0 1 0"/>
      <geom {_SEEN} type="cylinder" size="{span / 50} 0.005" pos="0 0 0.02" rgba="0.9 0.45 0.1 1"/>
    </body>
  </worldbody>
</mujoco>"""


def _boxes(blocks: Sequence[Block], colour: str) -> str:
    return "".join(
        f'<geom {_SEEN} type="box" pos="{b.x} {b.y} 0.005" size="{b.half_x} {b.half_y} 0.005" rgba="{colour}"/>'
        for b in blocks
    )
