"""A rectangular peg against a slot in a plate, in the vertical x-z plane: where they touch and what that does.

A planar pose is (x, z, theta) of the middle of the peg's lower edge, the tip: x to the right, z upwards from the
plate's surface [m], theta [rad] about +y, which turns z towards x. A planar wrench is (fx, fz, my) about the tip.

Motion is overdamped: D v = spring + contacts, with no inertia, integrated semi-implicitly, (D + dt K) v = F(q),
where K holds the stiffness of the spring and of the contacts in action. That is stable for any step (Baraff and
Witkin, "Large steps in cloth simulation", 1998, without the inertia). Contacts are penalty springs with Coulomb
friction, whose direction and size are taken from the step before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from robot_rl.control import compliance

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Geometry:
    """The peg and the slot."""

    clearance: float = 0.0008
    """How much wider the slot is than the peg [m]."""
    half_width: float = 0.010
    """Half the peg's width [m]."""
    length: float = 0.060
    """Of the peg [m]."""
    depth: float = 0.030
    """Of the slot [m]."""

    def __post_init__(self) -> None:
        for name in ("clearance", "half_width", "length", "depth"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"{name} is {value} m: a finite length above 0 is needed")
        if self.length <= self.depth:
            raise ValueError(f"length {self.length} m must exceed the slot's depth, {self.depth} m")

    @property
    def slot_half_width(self) -> float:
        """[m]"""
        return self.half_width + 0.5 * self.clearance


@dataclass(frozen=True)
class Impedance:
    """The compliant hand that holds the peg, and the surfaces it meets."""

    stiffness: Vector = (2000.0, 2000.0, 20.0)
    """From the lead of the reference to a wrench [N/m, N/m, N m/rad]."""
    damping: Vector = (100.0, 100.0, 0.4)
    """From velocity to resistance [N s/m, N s/m, N m s/rad]: free motion lags the reference by 50 and 20 ms."""
    lead: Vector = (0.008, 0.008, 0.06)
    """The reference leads the measured pose by at most this [m, m, rad], so forces stay below stiffness times lead."""
    contact_stiffness: float = 50_000.0
    """[N/m]"""
    friction: float = 0.15
    """Coulomb's coefficient."""
    slip: float = 0.002
    """Below this sliding speed friction is viscous [m/s]."""


@dataclass(frozen=True)
class Contact:
    """One point where peg and plate overlap; the normal points into the peg, along the force on it."""

    arm: tuple[float, float]
    """From the tip to the point [m]."""
    normal: tuple[float, float]
    depth: float
    """Overlap along the normal [m]."""

    def row(self, direction: tuple[float, float]) -> Vector:
        """The wrench about the tip of a unit force along `direction`; times a twist, the point's speed along it."""
        (rx, rz), (dx, dz) = self.arm, direction
        return dx, dz, rz * dx - rx * dz


def contacts(pose: Vector, slot: float, shape: Geometry) -> list[Contact]:
    """Where the peg at `pose` overlaps the plate whose slot is centred on x = `slot` [m]."""
    x, z, theta = pose
    if z > shape.half_width:  # even a corner of a peg turned by 90 degrees is above the plate
        return []
    s, c = math.sin(theta), math.cos(theta)
    found = [_corner(side * shape.half_width * c, -side * shape.half_width * s, x - slot, z, shape) for side in (-1, 1)]
    found += [_rim(slot + side * shape.slot_half_width - x, -z, s, c, shape) for side in (-1, 1)]
    return [contact for contact in found if contact is not None]


def _corner(rx: float, rz: float, x: float, z: float, shape: Geometry) -> Contact | None:
    """A lower corner of the peg, at the arm (rx, rz) from a tip at (x, z) relative to the slot, in the plate?"""
    px, pz = x + rx, z + rz
    wall = abs(px) - shape.slot_half_width
    if pz >= 0.0 or (wall <= 0.0 and pz >= -shape.depth):
        return None
    if wall <= 0.0:
        return Contact((rx, rz), (0.0, 1.0), -shape.depth - pz)
    if wall < -pz:
        return Contact((rx, rz), (-math.copysign(1.0, px), 0.0), wall)
    return Contact((rx, rz), (0.0, 1.0), -pz)


def _rim(rx: float, rz: float, s: float, c: float, shape: Geometry) -> Contact | None:
    """An upper edge of the slot, at the arm (rx, rz) from the tip, in a peg whose angle has sine s and cosine c?"""
    across, along = rx * c - rz * s, rx * s + rz * c
    side = shape.half_width - abs(across)
    if side <= 0.0 or not 0.0 < along < shape.length:
        return None
    if side < along:
        away = -math.copysign(1.0, across)
        return Contact((rx, rz), (away * c, -away * s), side)
    return Contact((rx, rz), (s, c), along)


def limit_lead(reference: Vector, pose: Vector, lead: Vector) -> Vector:
    """The reference, drawn towards `pose` until no axis leads it by more than `lead`."""
    x, z, theta = compliance.limit_lead(reference, pose, lead)
    return x, z, theta


def step(
    pose: Vector, velocity: Vector, reference: Vector, slot: float, shape: Geometry, hand: Impedance, dt: float
) -> tuple[Vector, Vector, Vector]:
    """Move the peg for `dt` [s] towards `reference`; see `advance`."""
    return advance(pose, velocity, reference, contacts(pose, slot, shape), hand, dt)


def advance(
    pose: Vector, velocity: Vector, reference: Vector, touching: Sequence[Contact], hand: Impedance, dt: float
) -> tuple[Vector, Vector, Vector]:
    """Move for `dt` [s] towards `reference`, against these contacts.

    Args:
        velocity: of the step before, which gives the direction of friction.

    Returns:
        The pose and velocity reached, and the wrench of all contacts on what is held [N, N, N m] during the step.
    """
    force = [k * (r - p) for k, r, p in zip(hand.stiffness, reference, pose)]
    matrix = [[0.0] * 3 for _ in range(3)]
    for i in range(3):
        matrix[i][i] = hand.damping[i] + dt * hand.stiffness[i]
    rows: list[tuple[Vector, float, float]] = []  # along, constant part of the force, viscous part
    for contact in touching:
        (nx, nz), push = contact.normal, hand.contact_stiffness * contact.depth
        normal, tangent = contact.row((nx, nz)), contact.row((nz, -nx))
        sliding = abs(sum(t * v for t, v in zip(tangent, velocity)))
        rows.append((normal, push, dt * hand.contact_stiffness))
        rows.append((tangent, 0.0, hand.friction * push / max(sliding, hand.slip)))
    for row, constant, viscous in rows:
        for i in range(3):
            force[i] += constant * row[i]
            for j in range(3):
                matrix[i][j] += viscous * row[i] * row[j]
    v = solve3(matrix, force)
    wrench = [0.0, 0.0, 0.0]
    for row, constant, viscous in rows:
        size = constant - viscous * (row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
        for i in range(3):
            wrench[i] += size * row[i]
    return (pose[0] + dt * v[0], pose[1] + dt * v[1], pose[2] + dt * v[2]), v, (wrench[0], wrench[1], wrench[2])


def solve3(m: Sequence[Sequence[float]], b: Sequence[float]) -> Vector:
    """The solution of a symmetric positive definite system m x = b (3,), by Cramer's rule."""
    (a, d, e), (_, f, g), (_, _, h) = m
    c00, c01, c02 = f * h - g * g, e * g - d * h, d * g - e * f
    det = a * c00 + d * c01 + e * c02
    c11, c12, c22 = a * h - e * e, d * e - a * g, a * f - d * d
    return (
        (c00 * b[0] + c01 * b[1] + c02 * b[2]) / det,
        (c01 * b[0] + c11 * b[1] + c12 * b[2]) / det,
        (c02 * b[0] + c12 * b[1] + c22 * b[2]) / det,
    )
