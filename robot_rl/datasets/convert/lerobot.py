"""LeRobotDataset v3, both ways; see `lerobot_schema` for its layout.

Our vector fields become `observation.state` and `action`, cameras `observation.images.<name>`; the rest of a
step becomes `next.*` and `robot_rl.*` columns, which LeRobot's policies leave alone, and `meta/robot_rl.json`
holds what is said of the data set and of each episode.
"""

from __future__ import annotations

from robot_rl.datasets.convert.lerobot_read import read
from robot_rl.datasets.convert.lerobot_write import write

__all__ = ["read", "write"]
