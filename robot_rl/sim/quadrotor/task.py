"""The task: fly to a goal and hold there. Start and goal are drawn from a seed; a state is judged by pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.robot import Outcome
from robot_rl.sim.quadrotor.scene import GOAL_RADIUS, HALF_HEIGHT

Array = NDArray[np.float64]


@dataclass(frozen=True)
class GoalTask:
    """Where the vehicle starts, where the goal may lie and where flying ends."""

    start: str = "hover"
    """`hover`: in the air with the motors carrying the weight; `ground`: on the floor with the motors off."""
    start_low: tuple[float, float, float] = (-0.5, -0.5, 0.8)
    start_high: tuple[float, float, float] = (0.5, 0.5, 1.2)
    """Box of start positions in the world [m]; on the ground its z is not used."""
    start_yaw: float = 0.5
    """The start yaw lies within +- this [rad]."""
    goal_low: tuple[float, float, float] = (-1.5, -1.5, 0.5)
    goal_high: tuple[float, float, float] = (1.5, 1.5, 1.8)
    """Box of goals in the world [m]."""
    goal_distance: float = 0.7
    """A goal is at least this far from the start [m]."""
    arena_low: tuple[float, float, float] = (-3.0, -3.0, -0.1)
    arena_high: tuple[float, float, float] = (3.0, 3.0, 3.0)
    """Outside this box the flight is over [m]."""

    def __post_init__(self) -> None:
        if self.start not in ("hover", "ground"):
            raise ValueError(f"start '{self.start}' is neither 'hover' nor 'ground'")
        for name in ("start", "goal", "arena"):
            low, high = getattr(self, f"{name}_low"), getattr(self, f"{name}_high")
            if len(low) != 3 or len(high) != 3 or any(a > b for a, b in zip(low, high)):
                raise ValueError(f"{name}_low {low} and {name}_high {high} do not span a box: give x y z, low <= high")
        if math.dist(self.goal_low, self.goal_high) <= 2.0 * self.goal_distance:
            raise ValueError(
                f"goal_distance {self.goal_distance} m asks for more than half the diagonal of the goal box "
                f"{self.goal_low} .. {self.goal_high}: lower it or widen the box"
            )

    def draw(self, rng: np.random.Generator) -> tuple[Array, float, Array]:
        """A start position (3,) [m], a start yaw [rad] and a goal (3,) [m]."""
        position = rng.uniform(self.start_low, self.start_high)
        if self.start == "ground":
            position[2] = HALF_HEIGHT
        yaw = float(rng.uniform(-self.start_yaw, self.start_yaw))
        goal = rng.uniform(self.goal_low, self.goal_high)
        while math.dist(goal, position) < self.goal_distance:
            goal = rng.uniform(self.goal_low, self.goal_high)
        return position, yaw, goal

    def crashed(self, position: Array, rotation: Array) -> bool:
        """Tilted past 90 degrees, or outside the arena; also true of a state that is not finite."""
        box = zip(self.arena_low, position.tolist(), self.arena_high)
        return not (rotation[2, 2] > 0.0 and all(low <= x <= high for low, x, high in box))


def outcome(position: Array, goal: Array, crashed: bool) -> Outcome:
    """Reward 1 within `GOAL_RADIUS` of the goal, else 0, as the other simulated tasks count; terminated by a crash.

    A reward for being near would pay a policy for lingering: an episode ends once the goal has been held.
    Success is being within `GOAL_RADIUS` now; how long it must be held is the episode rules' affair.
    """
    success = not crashed and math.dist(position, goal) <= GOAL_RADIUS
    return Outcome(reward=float(success), success=success, terminated=crashed)
