"""robosuite's Can and Square with nothing in the scene but the object that is asked for.

Importing this module registers the environments with robosuite, so it needs robosuite; `robot_rl.sim.suite` imports
it when a task asks for it. robosuite itself parks the objects of its larger tasks 10 m away, where they fall, lie on
the floor and cost a third of the time: three more free bodies for Can, one for Square.
"""

from __future__ import annotations

from typing import Any

from robosuite.environments.manipulation.nut_assembly import NutAssemblySquare
from robosuite.environments.manipulation.pick_place import PickPlaceCan

_CAN = 3
"""Which of the four bins belongs to the can, in robosuite's numbering."""
CAN_GOAL = (0.1975, 0.4025, 0.86)
"""Centre of the can that stands in the middle of its bin [m, world]."""


class CanAlone(PickPlaceCan):  # type: ignore[misc]
    """PickPlaceCan without milk, bread and cereal; the see-through can that marks the bin stays.

    Args:
        placement_initializer: draws where the can starts.
    """

    objects: list[Any]
    visual_objects: list[Any]

    def __init__(self, *, placement_initializer: Any, **options: Any) -> None:
        self._sampler = placement_initializer
        super().__init__(**options)

    def not_in_bin(self, obj_pos: Any, bin_id: int) -> Any:
        """Whether the can is outside its own bin; robosuite takes the object's place in its list for the bin."""
        return super().not_in_bin(obj_pos, _CAN)

    def _construct_objects(self) -> None:
        super()._construct_objects()
        self.objects = self.objects[_CAN:]
        self.object_id = 0  # now the only one

    def _construct_visual_objects(self) -> None:
        super()._construct_visual_objects()
        self.visual_objects = self.visual_objects[_CAN:]

    def _get_placement_initializer(self) -> None:
        self.placement_initializer = self._sampler
        self.placement_initializer.reset()
        self.placement_initializer.add_objects(self.objects)

    def _load_model(self) -> None:
        super()._load_model()
        marker = self.model.worldbody.find(f"./body[@name='{self.visual_objects[0].root_body}']")
        marker.set("pos", " ".join(map(str, CAN_GOAL)))


class SquareAlone(NutAssemblySquare):  # type: ignore[misc]
    """NutAssemblySquare without the round nut; both pegs stay."""

    nuts: list[Any]

    def _load_model(self) -> None:
        super()._load_model()
        square, round_nut = self.nuts
        self.nuts = [square]
        self.model.mujoco_objects = [square]
        worldbody = self.model.worldbody
        worldbody.remove(worldbody.find(f"./body[@name='{round_nut.root_body}']"))
        self.placement_initializer.reset()
        self.placement_initializer.add_objects(square)
