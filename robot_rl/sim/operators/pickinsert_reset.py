"""Scripted resets of pick-then-insert: put the peg back, or pick it up again."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.config import RobotConfig
from robot_rl.hardware.robot import Reading
from robot_rl.sim.operators.pickinsert import wanted
from robot_rl.sim.planar.pickinsert import INSERT, RETURN, PickInsertTask

Array = NDArray[np.float64]

_GAIN = 5.0
_CLEAR = 0.085
"""The hand starts about this high above the plate [m]."""


class Steps(Protocol):
    """What a routine drives with: `robot_rl.runtime.resets.Drive`."""

    reading: Reading

    def step(self, action: Array) -> Reading: ...


class PutBack:
    """The peg goes back to its place, wherever it stands or sticks, and the hand above the plate.

    The peg is put within `peg_range` of its home and the hand somewhere over the plate, drawn by the seed: starts are
    spread as those of the simulator are.
    """

    def __init__(self, config: RobotConfig) -> None:
        defaults = PickInsertTask()
        self._home = float(config.options.get("home", defaults.home))
        self._spread = float(config.options.get("peg_range", defaults.peg_range))
        self._span = (config.spec.action.low[:2], config.spec.action.high[:2])

    def run(self, drive: Steps, seed: int | None) -> bool:
        """Whether the peg stands where it should; a peg that has toppled cannot be picked up."""
        rng = np.random.default_rng(seed)
        place = self._home + float(rng.uniform(-self._spread, self._spread))
        start = np.array([float(rng.uniform(-0.05, 0.05)), _CLEAR])
        if not self._put(drive, place):
            return False
        while np.abs(drive.reading.values["hand"] - start).max() > 0.004:
            hand = drive.reading.values["hand"]
            up_first = np.array([hand[0] if hand[1] < 0.07 else start[0], start[1]])
            drive.step(self._towards(drive.reading, up_first, closed=False))
        return True

    def _put(self, drive: Steps, place: float) -> bool:
        """Fetch the peg and set it down at x = `place` [m]."""
        carried = False
        while True:
            values = drive.reading.values
            if abs(values["peg"][2]) > 1.0:
                return False
            held = values["holding"][0] > 0.5
            carried = carried or held
            if carried and not held and abs(values["peg"][0] - place) < 0.01 and values["peg"][1] == 0.0:
                return True
            to, closed = wanted(values, float(values["slot"][0]), place, RETURN)
            drive.step(self._towards(drive.reading, to, closed=closed))

    def _towards(self, reading: Reading, to: Array, *, closed: bool) -> Array:
        velocity = np.clip(_GAIN * (to - reading.values["hand"]), *self._span)
        return np.array([*velocity, float(closed)])


class Regrasp(PutBack):
    """The peg is picked up where it stands, and held a little above it: a start for practising the insertion alone."""

    always = True

    def run(self, drive: Steps, seed: int | None) -> bool:
        """Whether the peg is held."""
        while drive.reading.values["holding"][0] < 0.5:
            values = drive.reading.values
            if abs(values["peg"][2]) > 1.0:
                return False
            to, closed = wanted(values, float(values["slot"][0]), self._home, INSERT)
            drive.step(self._towards(drive.reading, to, closed=closed))
        for _ in range(8):
            hand = drive.reading.values["hand"]
            drive.step(self._towards(drive.reading, hand + np.array([0.0, 0.01]), closed=True))
        return bool(drive.reading.values["holding"][0] > 0.5)
