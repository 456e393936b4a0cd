"""Three gates in a row, each between two pockets that must be backed out of: a chain of stages with trap states."""

from __future__ import annotations

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

WALLS = (0.15, 0.30, 0.45)
"""Where the walls stand, x [m]; each has one gate."""
FINISH = 0.50
"""The chain is done beyond this x [m]."""
GATE = 0.008
"""Half a gate's width [m]."""
FINS = 0.03
"""The fins beside a gate reach so far towards the point [m] ..."""
POCKET = 0.05
"""... at the gate and at this distance from its middle, so that a pocket lies between them [m]."""
WIDTH = 0.15
"""The plane is this wide to each side [m]."""
_CORRIDOR = 2
"""Of the five lanes between the fins of a wall, the one that leads through its gate."""

_ABILITIES = Abilities(
    modes={"planar_velocity": {"velocity": 2}},
    sensed={"point": 2, "stage": 1, "gate": 1, "felt": 1, "blocked": 1, "privileged_gate": 1},
    step_ns=SUBSTEP_NS,
)


class Chain(PlanarRobot):
    """Robot and Simulated: a point that moves as it is told and slides along what it meets.

    Control mode `planar_velocity`: `velocity` (2,) [m/s] of x, along the chain, and y. Walls stand across it at WALLS.
    Before each wall, fins reach 30 mm out: between the inner two lies the gate, beside them the pockets, out of
    which only going back by 30 mm leads. Each gate's y is measured with a bias of its own that stays throughout an
    episode. A gate that has been passed stays passed.

    Senses: `point` (x, y) [m]; `stage`, how many gates have been passed; `gate`, the measured y of the next gate [m]
    (of the last once all are passed); `felt`, on which side the next gate lies of the pocket that was last run into at
    this stage (+1, -1; 0 none yet); `blocked`, 1 while the wall holds it up; `privileged_gate`, the true y [m].

    Args:
        bias: of each gate's measured y, uniform within +- this [m].
    """

    def __init__(self, spec: Spec, *, seed: int = 0, bias: float = 0.012) -> None:
        super().__init__(spec, _ABILITIES, seed)
        if not 0.0 <= bias <= POCKET - GATE:
            raise ConfigError(f"bias is {bias} m; it must lie between 0 and {POCKET - GATE:g}, within the pockets")
        self._bias = bias
        self.reset()

    def _begin(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._x, self._y = 0.0, float(rng.uniform(-0.03, 0.03))
        self._gates = [float(g) for g in rng.uniform(-0.06, 0.06, len(WALLS))]
        self._seen = [g + float(b) for g, b in zip(self._gates, rng.uniform(-self._bias, self._bias, len(WALLS)))]
        self._stage, self._felt, self._blocked = 0, 0.0, False
        self._lane: int | None = None

    def _sense(self) -> Mapping[str, ArrayLike]:
        nearest = min(self._stage, len(WALLS) - 1)
        return {
            "point": (self._x, self._y),
            "stage": (float(self._stage),),
            "gate": (self._seen[nearest],),
            "felt": (self._felt,),
            "blocked": (float(self._blocked),),
            "privileged_gate": (self._gates[nearest],),
        }

    def _advance(self, command: Array, dt: float) -> None:
        low, high = self._walls_beside()
        x = self._x + dt * float(command[0])
        self._y = min(max(self._y + dt * float(command[1]), low), high)
        self._blocked = False
        if self._stage < len(WALLS) and x >= WALLS[self._stage]:
            off = self._gates[self._stage] - self._y
            if self._lane == _CORRIDOR:
                self._stage, self._felt, self._lane = self._stage + 1, 0.0, None
            else:
                x, self._blocked = WALLS[self._stage], True
                if abs(off) <= POCKET:
                    self._felt = 1.0 if off > 0.0 else -1.0
        behind = WALLS[self._stage - 1] if self._stage else 0.0
        self._x = max(x, behind)

    def _walls_beside(self) -> tuple[float, float]:
        """Between which y the point can move where it is now [m]; which lane between the fins it is in is settled
        when it comes in."""
        if self._stage >= len(WALLS) or self._x <= WALLS[self._stage] - FINS:
            self._lane = None
            return -WIDTH, WIDTH
        gate = self._gates[self._stage]
        edges = (-WIDTH, gate - POCKET, gate - GATE, gate + GATE, gate + POCKET, WIDTH)
        if self._lane is None:
            self._lane = max(i for i in range(5) if i == 0 or self._y >= edges[i])
        return edges[self._lane], edges[self._lane + 1]

    def outcome(self) -> Outcome:
        """Reward 1 beyond the finish, else 0; never terminated."""
        success = self._x >= FINISH
        return Outcome(reward=float(success), success=success)

    def scene_xml(self) -> str:
        """MJCF of boxes that follow the state; it needs no asset files."""
        self._check_open()
        length = WIDTH + 0.1
        gates = []
        for wall in WALLS:
            sides = [Block(wall, side * (GATE + length / 2), 0.002, length / 2) for side in (-1, 1)]
            fins = [Block(wall - FINS / 2, y, FINS / 2, 0.001) for y in (-POCKET, -GATE, GATE, POCKET)]
            gates.append([*sides, *fins])
        goal = Block(FINISH + 0.02, 0.0, 0.02, WIDTH)
        return top_view("chain", [], gates, goal, (0.25, 0.0, 0.56))

    def scene_state(self) -> SceneState:
        """qpos: the true y of each gate, then x and y of the point [m]."""
        self._check_open()
        qpos = np.array([*self._gates, self._x, self._y])
        return SceneState(self.clock.now(), qpos, np.zeros(len(qpos)))
