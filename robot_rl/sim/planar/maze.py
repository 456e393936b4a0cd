"""A point maze with four ends and one crossing, for data whose pieces must be put together."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Outcome, SceneState
from robot_rl.sim.abilities import Abilities
from robot_rl.sim.planar.robot import SUBSTEP_NS, PlanarRobot
from robot_rl.sim.planar.top_view import Block
from robot_rl.sim.planar.top_view import scene_xml as top_view
from robot_rl.spec import Spec

Array = NDArray[np.float64]
Cell = tuple[int, int]

LAYOUT = (
    "###########",
    "#X....#####",
    "#####.#####",
    "#####.#####",
    "#S.......G#",
    "#####.#####",
    "#####.#####",
    "#####....Y#",
    "###########",
)
"""Rows from the top, y downwards in the text and upwards in the world. The task leads from S to G, straight over the
crossing; the halves lead from S to X and from Y to G, and turn there."""
CELL = 0.1
"""Side of a cell [m]; the middle of the lower left one is the origin."""
ROUTES: dict[str, dict[str, str]] = {"task": {"S": "G"}, "halves": {"S": "X", "Y": "G"}}
"""Where episodes start, and where a demonstrator drives from there."""
RADIUS = 0.035
"""The goal is reached this close to it [m]."""


def cell_of(x: float, y: float) -> Cell:
    """Row and column of the cell that holds the point (x, y) [m]."""
    return len(LAYOUT) - 1 - round(y / CELL), round(x / CELL)


def middle(cell: Cell) -> tuple[float, float]:
    """The middle (x, y) of a cell [m]."""
    return cell[1] * CELL, (len(LAYOUT) - 1 - cell[0]) * CELL


def is_free(cell: Cell) -> bool:
    """The cell lies in the maze and is no wall."""
    row, column = cell
    return 0 <= row < len(LAYOUT) and 0 <= column < len(LAYOUT[0]) and LAYOUT[row][column] != "#"


def place(letter: str) -> Cell:
    """The cell marked with a letter."""
    return next((r, line.index(letter)) for r, line in enumerate(LAYOUT) if letter in line)


def neighbours(cell: Cell) -> list[Cell]:
    """The free cells beside one."""
    row, column = cell
    return [c for c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)) if is_free(c)]


def steps_to(letter: str) -> dict[Cell, int]:
    """How many cells each free cell is away from the one marked with a letter."""
    end = place(letter)
    distance, queue = {end: 0}, deque([end])
    while queue:
        cell = queue.popleft()
        for other in neighbours(cell):
            if other not in distance:
                distance[other] = distance[cell] + 1
                queue.append(other)
    return distance


_ABILITIES = Abilities(modes={"planar_velocity": {"velocity": 2}}, sensed={"point": 2, "route": 1}, step_ns=SUBSTEP_NS)


class Maze(PlanarRobot):
    """Robot and Simulated: a point that moves as it is told and slides along walls.

    Control mode `planar_velocity`: `velocity` (2,) [m/s]. Senses `point` (x, y) [m], and `route`: 0 where the episode
    started at S, 1 where it started at Y, which tells a demonstrator where to drive and which policies leave out.

    Args:
        routes: `task`: every episode starts at S. `halves`: at S or Y. Success is to reach G in either, so an episode
            from S to X ends at the time limit without a reward, cut off and not terminated.
        spread: the start lies within +- this of the middle of its cell in x and y [m].
    """

    def __init__(self, spec: Spec, *, seed: int = 0, routes: str = "task", spread: float = 0.025) -> None:
        super().__init__(spec, _ABILITIES, seed)
        if routes not in ROUTES:
            raise ConfigError(f"routes is {routes!r}; it is one of {', '.join(ROUTES)}")
        if not 0.0 <= spread <= 0.04:
            raise ConfigError(f"spread is {spread} m; it must lie between 0 and 0.04, within the cell")
        self._starts, self._spread = list(ROUTES[routes]), spread
        self._goal = middle(place("G"))
        self.reset()

    def _begin(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._route = int(rng.integers(len(self._starts)))
        x, y = middle(place(self._starts[self._route]))
        self._x = x + float(rng.uniform(-self._spread, self._spread))
        self._y = y + float(rng.uniform(-self._spread, self._spread))

    def _sense(self) -> Mapping[str, ArrayLike]:
        return {"point": (self._x, self._y), "route": (float(self._route),)}

    def _advance(self, command: Array, dt: float) -> None:
        x, y = self._x + dt * float(command[0]), self._y + dt * float(command[1])
        if is_free(cell_of(x, self._y)):
            self._x = x
        if is_free(cell_of(self._x, y)):
            self._y = y

    def outcome(self) -> Outcome:
        """Reward 1 within RADIUS of G, else 0; never terminated."""
        success = bool(np.hypot(self._x - self._goal[0], self._y - self._goal[1]) <= RADIUS)
        return Outcome(reward=float(success), success=success)

    def scene_xml(self) -> str:
        """MJCF of boxes that follow the state; it needs no asset files."""
        self._check_open()
        cells = [(r, c) for r in range(len(LAYOUT)) for c in range(len(LAYOUT[0])) if not is_free((r, c))]
        walls = [Block(*middle(cell), CELL / 2, CELL / 2) for cell in cells]
        high, wide = (len(LAYOUT) - 1) * CELL, (len(LAYOUT[0]) - 1) * CELL
        return top_view("maze", walls, [], Block(*self._goal, RADIUS, RADIUS), (wide / 2, high / 2, wide + CELL))

    def scene_state(self) -> SceneState:
        """qpos: x and y of the point [m]."""
        self._check_open()
        return SceneState(self.clock.now(), np.array([self._x, self._y]), np.zeros(2))
