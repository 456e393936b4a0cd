"""A scripted person who drives through the three gates, or watches a policy and helps in one of two ways."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.config import RobotConfig
from robot_rl.hardware.human import AXES, DeviceInput
from robot_rl.hardware.robot import Reading
from robot_rl.sim.operators.axes import full_axis
from robot_rl.sim.operators.skill import QUALITIES, Skill, check_sees, skill_of
from robot_rl.sim.planar.chain import FINS, GATE, WALLS

Array = NDArray[np.float64]

STYLES: dict[str, Skill] = {**QUALITIES, "prevent": replace(QUALITIES["expert"])}
_BEFORE = FINS + 0.012
"""From here on a gate is lined up with [m before its wall]."""
_PATIENCE = 5
"""So many steps against a wall before the operator steps in."""


class ChainOperator:
    """Operator of `sim_chain`; sees `point`, `stage`, `felt`, `blocked` and, as only a demonstrator may,
    `privileged_gate`.

    Demonstrating, it lines up with each gate and drives through; a `mixed` or `poor` one misjudges some, runs into a
    pocket, backs out and tries again a little further over.

    Watching, there are two ways. `expert`, `mixed` and `poor` step in once the policy has stood against a wall for
    half a second: back out, with the rewind button held, so that the steps are labelled as recovery, then through
    the gate, and hand back (RaC). `prevent` steps in before the fins when the policy is about to miss the gate, sets
    it right and hands back behind the gate (HG-DAgger): less work, but nobody shows the way out of a pocket.

    Args:
        config: of the robot.
        quality: one of `STYLES`.
        seed: of the noise and of what is drawn for each episode.

    Raises:
        ConfigError: no such quality, or an axis the operator needs drives nothing.
    """

    def __init__(self, config: RobotConfig, *, quality: str = "expert", seed: int = 0) -> None:
        self._skill, self._prevents = skill_of(quality, STYLES), quality == "prevent"
        check_sees(config, "privileged_gate")
        self._full = np.array([full_axis(config, axis, "x and y") for axis in ("x", "y")])  # (2,) [m/s]
        self._seed = seed
        self.reset(seed)

    def reset(self, seed: int | None = None) -> None:
        """A new episode: draws how well it will be done; hands off until asked."""
        self._rng = np.random.default_rng(self._seed if seed is None else seed)
        self._gain = float(self._rng.uniform(*self._skill.gain))
        self._aims = self._rng.normal(0.0, self._skill.misjudged * GATE, len(WALLS) + 1)
        self._stood, self._helping = 0, -1
        self._backing = False

    def input(self, reading: Reading, *, policy_active: bool) -> DeviceInput:
        """The device at this moment; called once a control period."""
        values = reading.values
        stage = int(values["stage"][0])
        point, gate = values["point"], float(values["privileged_gate"][0])
        if policy_active and not self._helps(point, stage, gate, bool(values["blocked"][0])):
            return DeviceInput(reading.stamp, np.zeros(len(AXES)), frozenset())
        place = self._wanted(point, stage, gate, bool(values["blocked"][0]))
        noise = self._skill.noise * self._rng.standard_normal(2)
        axes = np.zeros(len(AXES))
        axes[:2] = np.clip(self._gain * (place - point) / self._full + noise, -1.0, 1.0)
        buttons = {"clutch", "rewind"} if policy_active and self._backing else {"clutch"}
        return DeviceInput(reading.stamp, axes, frozenset(buttons))

    def _wanted(self, point: Array, stage: int, gate: float, blocked: bool) -> Array:
        """Where to go next (x, y) [m]."""
        if stage >= len(WALLS):
            return np.array([point[0] + 0.1, point[1]])
        wall = WALLS[stage]
        if blocked and not self._backing:
            self._aims[stage] *= 0.3  # it was felt where the gate is not
        self._backing = blocked or (self._backing and point[0] > wall - _BEFORE + 0.006)
        if self._backing:
            return np.array([wall - _BEFORE - 0.02, point[1]])
        y = gate + self._aims[stage]
        lined_up = abs(y - point[1]) < 0.004
        if lined_up or point[0] > wall - FINS:
            return np.array([wall + 0.1, y])
        return np.array([min(wall - _BEFORE, point[0] + 0.1), y])

    def _helps(self, point: Array, stage: int, gate: float, blocked: bool) -> bool:
        """Whether the clutch is held now."""
        if self._helping >= 0 and stage != self._helping:
            self._helping, self._backing = -1, False  # behind the gate: hand back
        self._stood = self._stood + 1 if blocked else 0
        if self._helping < 0 and stage < len(WALLS):
            near = WALLS[stage] - FINS - 0.02 < point[0] < WALLS[stage] - FINS
            about_to_miss = near and abs(point[1] - gate) > 0.8 * GATE
            if self._stood > _PATIENCE or (self._prevents and about_to_miss):
                self._helping = stage
        return self._helping >= 0
