"""Where a T can be pushed, how a finger gets there, and which push brings it nearest to its goal.

The planner tries pushes in a scene of its own and keeps the best: a person's judgement of where a push will lead,
made with the physics itself, as in planning by simulated contact (Toussaint et al., "Differentiable physics and
stable modes for tool-use and manipulation planning", RSS 2018), here by plain sampling.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.sim.pusht.table import FINGER, GOAL, OUTLINE, SIZE, Table, corners

Array = NDArray[np.float64]

_EVERY = 0.012
"""Between two places to push at, along the outline [m]."""
_GAP = 0.003
"""From the finger to the T before a push [m]."""
_SLANTS = (-0.45, 0.0, 0.45)
"""Of a push against the face's normal [rad]; friction would hold up to 45 degrees."""
_FAST, _SLOW = 0.15, 0.05
"""Speeds of a push [m/s]."""
_LONGEST = 9
"""Steps of 0.1 s in a push."""
_APART = 0.03
"""Pushes that begin nearer to each other than this count as one way of doing it [m]."""
_WAYS = 6
"""How many ways are looked at closely."""
_EFFORT = 0.15
"""Share of the distance still to go that a push must gain to be worth a metre of the finger's way."""
_CIRCLE = 0.105
"""Radius of the way round the T about its middle [m]."""
_MIDDLE = np.array([0.0, 0.045])
"""Of the T, in its frame [m]."""
_EDGE = FINGER + 0.001


@dataclass(frozen=True)
class Push:
    """One straight push."""

    start: Array  # (2,) of the finger before it [m]
    velocity: Array  # (2,) [m/s]
    steps: int
    """How many control periods of 0.1 s it lasts."""
    away: float
    """Mean distance of the T's corners from where they belong, afterwards [m]."""
    cost: float
    """That, and what its effort counts for: the finger's way there and its time [m]."""


def away(block: Array) -> float:
    """Mean distance of the T's corners from where they belong [m], for a pose (3,)."""
    return float(np.linalg.norm(corners(block) - corners(GOAL), axis=-1).mean())


def places() -> tuple[Array, Array]:
    """Where the finger stands before a push (P, 2) [m] and the direction of the face it looks at (P, 2), T's frame."""
    starts, inward = [], []
    for a, b in zip(OUTLINE, np.roll(OUTLINE, -1, axis=0)):
        length = float(np.linalg.norm(b - a))
        along = (b - a) / length
        normal = np.array([-along[1], along[0]])  # the outline runs clockwise seen with y down: this points inside
        for s in np.arange(_EVERY / 2, length, _EVERY):
            place = a + s * along - (FINGER + _GAP) * normal
            if clearance(place[None])[0] > FINGER:
                starts.append(place)
                inward.append(normal)
    return np.array(starts), np.array(inward)


def clearance(points: Array) -> Array:
    """Distance of points (N, 2) in the T's frame from the T (N,) [m], 0 inside."""
    right, low, inner, end = OUTLINE[1, 0], OUTLINE[2, 1], OUTLINE[4, 0], OUTLINE[4, 1]
    distances = []
    for x, top, bottom in ((right, 0.0, low), (inner, low, end)):
        dx = np.maximum(np.abs(points[:, 0]) - x, 0.0)
        dy = np.maximum(np.maximum(top - points[:, 1], points[:, 1] - bottom), 0.0)
        distances.append(np.hypot(dx, dy))
    return np.minimum(*distances)


def to_frame(block: Array, points: Array) -> Array:
    """World points (N, 2) in the frame of a T at `block` (3,)."""
    c, s = math.cos(block[2]), math.sin(block[2])
    out: Array = (points - block[:2]) @ np.array([[c, -s], [s, c]])
    return out


def to_world(block: Array, points: Array) -> Array:
    """The inverse of `to_frame`."""
    c, s = math.cos(block[2]), math.sin(block[2])
    out: Array = points @ np.array([[c, s], [-s, c]]) + block[:2]
    return out


def route(block: Array, start: Array, target: Array) -> list[Array]:
    """Points (2,) to pass on the way of the finger to `target` that does not touch the T; the last is `target`.

    The shortest way over points on a circle about the T; empty if there is none.
    """
    angles = np.arange(16) * (2.0 * math.pi / 16)
    ring = to_world(block, _MIDDLE + _CIRCLE * np.stack([np.cos(angles), np.sin(angles)], axis=-1))
    ring = ring[(ring > 0.0).all(axis=1) & (ring < SIZE).all(axis=1)]  # the finger can pass over the rim
    nodes = np.concatenate([[start, target], ring])
    best = {0: 0.0}
    queue: list[tuple[float, int, tuple[int, ...]]] = [(0.0, 0, (0,))]
    while queue:
        length, node, path = heapq.heappop(queue)
        if node == 1:
            return [nodes[i] for i in path[1:]]
        for other in range(1, len(nodes)):
            if other in path:
                continue
            total = length + float(np.linalg.norm(nodes[other] - nodes[node]))
            if total < best.get(other, math.inf) and _free(block, nodes[node], nodes[other]):
                best[other] = total
                heapq.heappush(queue, (total, other, (*path, other)))
    return []


def _free(block: Array, a: Array, b: Array) -> bool:
    """Whether the finger passes straight from a to b beside the T; where it starts may be in contact already."""
    length = float(np.linalg.norm(b - a))
    shares = np.linspace(0.0, 1.0, max(2, math.ceil(length / 0.004)))[:, None]
    gaps = clearance(to_frame(block, a + shares * (b - a)))
    return bool((gaps[1:] >= min(_EDGE, gaps[0] - 1e-4)).all())


class Planner:
    """Tries pushes on a table of its own."""

    def __init__(self) -> None:
        self._table = Table()
        self._places, self._inward = places()

    def pushes(self, finger: Array, block: Array, steps: int) -> list[Push]:
        """The best pushes, cheapest first, for a finger (2,) and a T at rest (3,), from up to 6 places.

        Args:
            steps: physics steps of 10 ms in one control period.
        """
        starts, inward = to_world(block, self._places), to_world(np.array([0, 0, block[2]]), self._inward)
        effort = _EFFORT * away(block)
        rough: list[tuple[float, int, Array, Array, float]] = []
        for start, normal in zip(starts, inward):
            if not ((start > FINGER) & (start < SIZE - FINGER)).all():
                continue
            way = effort * float(np.linalg.norm(start - finger))
            for slant in _SLANTS:
                c, s = math.cos(slant), math.sin(slant)
                heading = np.array([c * normal[0] - s * normal[1], s * normal[0] + c * normal[1]])
                distances = self._follow(start, block, _FAST * heading, steps)
                k = int(np.argmin(distances))
                rough.append((distances[k] + way, k + 1, start, heading, way))
        ways: list[tuple[int, Array, Array, float]] = []
        for _, k, start, heading, way in sorted(rough, key=lambda item: item[0]):
            if len(ways) < _WAYS and all(math.dist(start, other[1]) > _APART for other in ways):
                ways.append((k, start, heading, way))
        best = []
        for k, start, heading, way in ways:
            pushes = []
            for velocity, n in _variants(k, heading):
                left = self._stopped(start, block, velocity, n, steps)
                time = 0.01 * n * steps
                pushes.append(Push(start, velocity, n, left, left + way + effort * _FAST * time))
            best.append(min(pushes, key=lambda push: push.cost))
        return sorted(best, key=lambda push: push.cost)

    def _follow(self, start: Array, block: Array, velocity: Array, steps: int) -> list[float]:
        """How far away the T is after each control period of a push."""
        self._table.put(start, block)
        distances = []
        for _ in range(_LONGEST):
            self._table.push(velocity, steps)
            distances.append(away(self._table.block))
        return distances

    def _stopped(self, start: Array, block: Array, velocity: Array, n: int, steps: int) -> float:
        """How far away the T is once the finger has come to rest after n control periods."""
        self._table.put(start, block)
        self._table.push(velocity, n * steps)
        self._table.push(np.zeros(2), 2 * steps)
        return away(self._table.block)


def _variants(k: int, heading: Array) -> list[tuple[Array, int]]:
    """Velocities (2,) [m/s] and how many periods: a push of about k fast periods, slower and shorter too."""
    fast = [(_FAST * heading, n) for n in (k - 1, k)]
    slow = [(_SLOW * heading, n) for n in (3 * k - 4, 3 * k - 2, 3 * k)]
    return [(velocity, n) for velocity, n in fast + slow if n >= 1]
