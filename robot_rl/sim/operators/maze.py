"""A scripted person who drives through the maze: from S to G, or half of a route, whichever the robot starts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.config import RobotConfig
from robot_rl.hardware.human import AXES, DeviceInput
from robot_rl.hardware.robot import Reading
from robot_rl.sim.operators.axes import full_axis
from robot_rl.sim.operators.skill import Patience, Skill, check_sees, skill_of
from robot_rl.sim.planar.maze import CELL, ROUTES, cell_of, middle, neighbours, steps_to

Array = NDArray[np.float64]

STYLES: dict[str, Skill] = {
    "expert": Skill(gain=(6.0, 6.0), noise=0.1),
    "mixed": Skill(gain=(3.0, 6.0), noise=0.35),
    "poor": Skill(gain=(1.5, 4.0), noise=0.7),
}


class MazeOperator:
    """Operator of `sim_maze` and `sim_maze_halves`; sees `point` and `route`.

    Demonstrating, it drives along the cells to the end of the route it started on and stays there: in `sim_maze` from
    S to G, in `sim_maze_halves` from S to X or from Y to G. Watching, its aim is G: when the policy has got no nearer
    for 0.8 s, it drives for at least 0.7 s and until G is nearer than ever, and hands back.

    Args:
        config: of the robot; its `routes` option says which routes there are.
        quality: `expert`, `mixed` or `poor`.
        seed: of the noise and of what is drawn for each episode.

    Raises:
        ConfigError: no such quality, or an axis the operator needs drives nothing.
    """

    def __init__(self, config: RobotConfig, *, quality: str = "expert", seed: int = 0) -> None:
        self._skill = skill_of(quality, STYLES)
        check_sees(config, "route")
        self._full = np.array([full_axis(config, axis, "x and y") for axis in ("x", "y")])  # (2,) [m/s]
        ends = ROUTES[str(config.options.get("routes", "task"))].values()
        self._away = [steps_to(end) for end in ends]
        self._to_goal = steps_to("G")
        self._patience = Patience(idle=8, correction=7, progress=0.01)
        self._seed = seed
        self.reset(seed)

    def reset(self, seed: int | None = None) -> None:
        """A new episode: draws how well it will be done; hands off until asked."""
        self._rng = np.random.default_rng(self._seed if seed is None else seed)
        self._gain = float(self._rng.uniform(*self._skill.gain))
        self._patience.reset()

    def input(self, reading: Reading, *, policy_active: bool) -> DeviceInput:
        """The device at this moment; called once a control period."""
        point = reading.values["point"]
        away = self._to_goal if policy_active else self._away[int(reading.values["route"][0])]
        cell = cell_of(float(point[0]), float(point[1]))
        onward = min([cell, *neighbours(cell)], key=lambda c: away[c])
        place = np.array(middle(onward))
        left = CELL * away[onward] + float(np.abs(place - point).sum())
        if policy_active and not self._patience.correcting(left):
            return DeviceInput(reading.stamp, np.zeros(len(AXES)), frozenset())
        noise = self._skill.noise * self._rng.standard_normal(2)
        axes = np.zeros(len(AXES))
        axes[:2] = np.clip(self._gain * (place - point) / self._full + noise, -1.0, 1.0)
        return DeviceInput(reading.stamp, axes, frozenset({"clutch"}))
