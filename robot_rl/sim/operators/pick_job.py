"""What a scripted person must know of a thing to pick it up and to put it where it belongs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.robot import Reading

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Grip:
    """One way to take hold of an object from above."""

    point: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Where the finger tips meet, in the object's frame [m]."""
    heading: float = 0.0
    """Of the gripper's x axis, along which the fingers close, over the object's [rad]."""
    symmetry: float = 2.0 * math.pi
    """Headings that differ by a multiple of this are as good as one another [rad]."""
    follows: bool = True
    """`heading` counts from the object's; if not, from the base's x axis, for what is round."""


@dataclass(frozen=True)
class Place:
    """Where and how an object is put down, by its origin relative to the goal."""

    over: float
    """How high over the goal it travels, clear of everything [m]."""
    drop: float
    """How high over the goal it is let go [m]."""
    aligned: float
    """How far beside the goal it may be when it goes down [m]."""
    turn: float | None = None
    """Heading over the goal's [rad]; None if any will do."""
    turned: float = 0.06
    """How far off that heading it may be when it goes down [rad]."""
    aside: tuple[float, float] = (0.0, 0.0)
    """How far beside the goal it is taken down, x and y in the base frame [m]."""


@dataclass(frozen=True)
class Plan:
    """How one attempt is made."""

    grip: Grip = field(default_factory=Grip)
    place: Place | None = None
    """None if lifting is all."""


@dataclass(frozen=True)
class Way:
    """Where the gripper's motion to the grip changes, relative to the point of the grip [m, rad]."""

    hover: float = 0.08
    funnel: float = 2.5
    """Height allowed over the grip for each metre beside it."""
    aligned: float = 0.012
    turned: float = 0.2
    lift: float = 0.13


Planner = Callable[[Reading, float, np.random.Generator], Plan]
"""Makes a plan from what is seen, how whimsical the person is (0: the shortest way; 1: any that works) and chance."""


def lifting(reading: Reading, whim: float, rng: np.random.Generator) -> Plan:
    """Take a cube by any two sides and lift it."""
    return Plan(Grip(symmetry=math.pi / 2))


@dataclass(frozen=True)
class Job:
    """One kind of pick-and-place task."""

    plan: Planner = lifting
    way: Way = field(default_factory=Way)
    empty: float = 0.015
    """Fingers closer than this hold nothing [m]."""
    loose: float = 0.025
    """The point of the grip stays this near to the finger tips while the object is held [m]."""
    top: float = 0.025
    """How far the object reaches up over the point of the grip [m]."""
