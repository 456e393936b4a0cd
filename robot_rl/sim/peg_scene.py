"""A square peg in a Panda's hand and a block with a square hole on a table, as a robosuite environment.

Importing this module registers it with robosuite, which has no such task of its own with one arm.
"""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from robosuite.environments.manipulation.manipulation_env import ManipulationEnv
from robosuite.models.arenas import TableArena
from robosuite.models.tasks import ManipulationTask

PEG = 0.010
"""Half the width of the peg [m]."""
REACH = 0.07
"""From the grip site to the tip of the peg [m]."""
BLOCK = 0.05
"""Half the width of the block [m]."""
HEIGHT = 0.04
"""Of the block, and the depth of the hole [m]."""
DEPTH = 0.03
"""The peg is in when its tip is this far below the mouth [m]."""
_TABLE = (0.0, 0.0, 0.8)
_HARD = {"solref": "0.006 1", "friction": "0.3 0.005 0.0001", "condim": "3"}
# Fingers and hand collide on bit 1 alone, so the peg, on bit 2, does not rub against the fingers that hold it.
_PEG_BITS = {"contype": "2", "conaffinity": "2"}
_WORLD_BITS = {"contype": "3", "conaffinity": "3"}


class PegInsert(ManipulationEnv):  # type: ignore[misc]
    """The block can be set anywhere on the table, and gives way to 100 N by a tenth of a millimetre a second.

    Args:
        placement_initializer: whose ranges say where the block stands.
        clearance: how much wider the hole is than the peg [m].
    """

    def __init__(
        self, *, placement_initializer: Any, clearance: float = 0.0015, use_object_obs: bool = False, **options: Any
    ) -> None:
        self.use_object_obs = use_object_obs
        self.placement_initializer, self._clearance = placement_initializer, clearance
        super().__init__(**options)

    def reward(self, action: Any = None) -> float:
        """1 when the peg is in, else 0."""
        return float(self._check_success())

    def _load_model(self) -> None:
        super()._load_model()
        robot = self.robots[0].robot_model
        robot.set_base_xpos(robot.base_xpos_offset["table"](0.8))
        eef = f"{self.robots[0].gripper['right'].naming_prefix}eef"
        robot.worldbody.find(f".//body[@name='{eef}']").append(_peg())
        arena = TableArena(table_full_size=(0.8, 0.8, 0.05), table_offset=_TABLE)
        arena.set_origin([0, 0, 0])
        arena.table_collision.attrib.update(_WORLD_BITS)
        arena.worldbody.append(_block(self._clearance))
        self.model = ManipulationTask(mujoco_arena=arena, mujoco_robots=[robot], mujoco_objects=[])

    def _reset_internal(self) -> None:
        super()._reset_internal()
        sampler = self.placement_initializer
        ranges = (sampler.x_range, sampler.y_range, sampler.rotation)
        for joint, (low, high) in zip(("hole_x", "hole_y", "hole_yaw"), ranges):
            self.sim.data.set_joint_qpos(joint, float(sampler.rng.uniform(low, high)))

    def _check_success(self) -> bool:
        """The tip is in the hole, `DEPTH` below its mouth."""
        data, model = self.sim.data, self.sim.model
        hole = model.body_name2id("hole")
        rotation = data.body_xmat[hole].reshape(3, 3)
        x, y, z = rotation.T @ (data.body_xpos[model.body_name2id("peg")] - data.body_xpos[hole])
        return bool(z < -DEPTH and max(abs(x), abs(y)) < PEG)


def _peg() -> ElementTree.Element:
    """The body `peg`, its origin at the tip and its z axis back towards the hand."""
    body = ElementTree.Element("body", name="peg", pos=f"0 0 {REACH}", quat="0 1 0 0")
    length = 0.5 * (REACH + 0.01)
    shape = {"type": "box", "size": f"{PEG} {PEG} {length}", "pos": f"0 0 {length}"}
    solid = {"name": "peg_collision", "group": "0", "density": "1000"}
    ElementTree.SubElement(body, "geom", {**solid, **shape, **_HARD, **_PEG_BITS})
    _visible(body, "peg_visual", shape, "0.8 0.3 0.1 1")
    return body


def _block(clearance: float) -> ElementTree.Element:
    """The body `hole`, its origin in the middle of the mouth and its z axis up."""
    body = ElementTree.Element("body", name="hole", pos=f"{_TABLE[0]} {_TABLE[1]} {_TABLE[2] + HEIGHT}")
    for name, axis in (("x", "1 0 0"), ("y", "0 1 0")):
        ElementTree.SubElement(body, "joint", name=f"hole_{name}", type="slide", axis=axis, damping="1e6")
    ElementTree.SubElement(body, "joint", name="hole_yaw", type="hinge", axis="0 0 1", damping="1e4")
    ElementTree.SubElement(body, "inertial", pos="0 0 0", mass="5", diaginertia="0.02 0.02 0.02")
    inner = PEG + 0.5 * clearance
    wall = 0.5 * (BLOCK - inner)
    for name, size, at in (
        ("front", (wall, BLOCK), (inner + wall, 0.0)),
        ("back", (wall, BLOCK), (-inner - wall, 0.0)),
        ("left", (inner, wall), (0.0, inner + wall)),
        ("right", (inner, wall), (0.0, -inner - wall)),
    ):
        shape = {"type": "box", "size": f"{size[0]} {size[1]} {HEIGHT / 2}", "pos": f"{at[0]} {at[1]} {-HEIGHT / 2}"}
        solid = {"name": f"hole_{name}_collision", "group": "0"}
        ElementTree.SubElement(body, "geom", {**solid, **shape, **_HARD, **_WORLD_BITS})
        _visible(body, f"hole_{name}_visual", shape, "0.3 0.4 0.6 1")
    return body


def _visible(body: ElementTree.Element, name: str, shape: dict[str, str], color: str) -> None:
    attributes = {"name": name, "group": "1", "contype": "0", "conaffinity": "0", "mass": "0", "rgba": color}
    ElementTree.SubElement(body, "geom", {**attributes, **shape})
