"""gym-pusht's table in metres: the finger, the T, the walls and the overlap with the goal."""

from __future__ import annotations

import importlib
import math
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl import extras

Array = NDArray[np.float64]

PIXEL = 0.001
"""gym-pusht counts in pixels of a picture 512 wide; here one is a millimetre [m]."""
SIZE = 0.512
"""Side of the table [m]."""
FINGER = 0.015
"""Radius of the finger [m]."""
STEP_NS = 10_000_000
"""gym-pusht's physics step [ns], 100 Hz."""
GOAL = np.array([0.256, 0.256, np.pi / 4])  # where the T belongs: x, y [m], angle [rad]
OUTLINE = PIXEL * np.array(
    [[-60, 0], [60, 0], [60, 30], [15, 30], [15, 120], [-15, 120], [-15, 30], [-60, 30]], dtype=float
)  # corners of the T (8, 2) in its frame [m], in order around it


class Table:
    """One scene of gym-pusht; x to the right and y down its picture, z into the table, angles about z.

    The T moves only while it is pushed: gym-pusht takes all velocity from it between two physics steps.

    Raises:
        MissingExtraError: gym-pusht is not installed.
    """

    def __init__(self) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        try:
            module = importlib.import_module("gym_pusht.envs.pusht")
        except ModuleNotFoundError as error:
            if remedy := extras.explain(error):
                raise extras.MissingExtraError(remedy) from error
            raise
        self._env: Any = module.PushTEnv(obs_type="state")
        self._env.reset(seed=0)

    def draw(self, seed: int) -> None:
        """gym-pusht's start state that belongs to `seed`."""
        self._env.reset(seed=seed)

    def put(self, finger: Array, block: Array) -> None:
        """Set the scene at rest: the finger (2,) [m] and the T (3,) [m, m, rad]."""
        env = self._env
        env.agent.position, env.agent.velocity = tuple(finger / PIXEL), (0.0, 0.0)
        env.block.angle = float(block[2])
        env.block.position = tuple(block[:2] / PIXEL)
        env.block.velocity, env.block.angular_velocity = (0.0, 0.0), 0.0
        env.space.reindex_shapes_for_body(env.block)
        env.space.reindex_shapes_for_body(env.agent)

    def push(self, velocity: Array, steps: int) -> None:
        """Draw the finger's velocity to `velocity` (2,) [m/s] by gym-pusht's damper (20/s) for `steps` of 10 ms."""
        x, y = (float(v) for v in velocity / PIXEL)
        agent, space, dt = self._env.agent, self._env.space, self._env.dt
        gain = self._env.k_v * dt
        for _ in range(steps):
            now = agent.velocity
            agent.velocity = (now[0] + gain * (x - now[0]), now[1] + gain * (y - now[1]))
            space.step(dt)

    def pull(self, target: Array, steps: int) -> None:
        """Draw the finger to `target` (2,) [m] by gym-pusht's spring and damper for `steps` of 10 ms."""
        x, y = (float(v) for v in target / PIXEL)
        agent, space, dt = self._env.agent, self._env.space, self._env.dt
        spring, damper = self._env.k_p * dt, self._env.k_v * dt
        for _ in range(steps):
            at, now = agent.position, agent.velocity
            agent.velocity = (
                now[0] + spring * (x - at[0]) - damper * now[0],
                now[1] + spring * (y - at[1]) - damper * now[1],
            )
            space.step(dt)

    @property
    def finger(self) -> Array:
        """Position (2,) [m]."""
        return PIXEL * np.array(self._env.agent.position)

    @property
    def finger_velocity(self) -> Array:
        """(2,) [m/s]"""
        return PIXEL * np.array(self._env.agent.velocity)

    @property
    def block(self) -> Array:
        """Pose of the T (3,): the middle of the bar's long outer edge [m, m] and its angle [rad] in (-pi, pi]."""
        (x, y), angle = self._env.block.position, self._env.block.angle
        return np.array([PIXEL * x, PIXEL * y, math.atan2(math.sin(angle), math.cos(angle))])

    def overlap(self) -> float:
        """Share of the goal's area that the T covers, from 0 to 1."""
        return float(self._env._get_coverage())


def corners(block: Array) -> Array:
    """The T's corners (..., 8, 2) [m] at a pose (..., 3)."""
    c, s = np.cos(block[..., 2]), np.sin(block[..., 2])
    rotation = np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], -2)  # (..., 2, 2)
    turned: Array = np.einsum("...ij,kj->...ki", rotation, OUTLINE)
    return turned + block[..., None, :2]
