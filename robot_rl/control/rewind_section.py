"""The `rewind` section under `limits` of robot.yaml, everything optional:

rewind:
  pose: ee_pose       # the measured pose; by default the field that `workspace.position` names
  speed: 0.25         # [m/s], by default the action field's own bound
  turn_speed: 1.0     # [rad/s], by default the action field's own bound
  others: replay      # replay, or keep: what becomes of the set-points beside the velocity
  lag: 0.0            # [s] the robot takes to follow its command, so that it need not meet each point exactly
  dwell: 0.3          # [s] to stand still once such a set-point has changed, so that a gripper can open
  automatic: true     # false: the human drives while the rewind button is held, labelled as recovery
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from robot_rl.settings.typed import fill
from robot_rl.spec import SpecError


@dataclass(frozen=True)
class RewindConfig:
    """See the module."""

    pose: str = ""
    speed: float = 0.0
    turn_speed: float = 0.0
    others: Literal["replay", "keep"] = "replay"
    lag: float = 0.0
    dwell: float = 0.3
    automatic: bool = True

    @classmethod
    def of(cls, limits: Mapping[str, Any]) -> RewindConfig:
        """What the `limits` of a control mode say. Raises SpecError for an unknown key or a value not allowed."""
        return fill(cls, limits.get("rewind", {}), "limits.rewind", error=SpecError)

    def __post_init__(self) -> None:
        for key in ("speed", "turn_speed", "lag", "dwell"):
            if not 0.0 <= getattr(self, key) < math.inf:
                raise SpecError(f"limits.rewind.{key} is {getattr(self, key)}; it must be 0 or more")
