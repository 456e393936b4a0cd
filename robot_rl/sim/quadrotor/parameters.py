"""Published parameter sets of the Crazyflie, each with its source.

The sets disagree (inertia by 4.4, thrust to weight from 1.5 to 2.25, motor lag from none to 0.15 s),
so none is "the" Crazyflie: name the set you use, and randomise between them for transfer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.workspace import did_you_mean

GRAVITY = 9.81
"""[m/s^2]"""

MOTOR_SIGNS = np.array([[1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])  # (4, 2) x y
"""Where the motors sit in the body frame (x forward, y left), Bitcraze numbering: M1 front right, M2 rear
right, M3 rear left, M4 front left."""

YAW_SIGNS = np.array([-1.0, 1.0, -1.0, 1.0])  # (4,)
"""Sign of the reaction torque about body z: M1 and M3 turn counter-clockwise seen from above, so the air
turns the body clockwise."""


@dataclass(frozen=True)
class QuadrotorParameters:
    """One vehicle: rigid body, four equal motors, linear drag."""

    mass: float
    """[kg]"""
    inertia: tuple[float, float, float]
    """Principal moments about body x y z [kg m^2]."""
    lever: float
    """Distance of each motor from the body x axis and from the y axis [m]: arm length / sqrt(2)."""
    thrust_max: float
    """[N] per motor."""
    thrust_min: float
    """[N] per motor while flying; a stopped motor gives 0."""
    torque_ratio: float
    """Reaction torque over thrust [m]."""
    motor_time_constant: float
    """First-order lag of thrust after command [s]; 0 for none."""
    drag: tuple[float, float, float]
    """Force against the velocity along body x y z [N s/m]."""
    source: str

    @property
    def hover_thrust(self) -> float:
        """Thrust of each motor that carries the weight [N]."""
        return self.mass * GRAVITY / 4.0

    @property
    def thrust_to_weight(self) -> float:
        return self.thrust_max / self.hover_thrust

    @property
    def motor_positions(self) -> NDArray[np.float64]:  # (4, 2)
        """x y of each motor in the body frame [m]."""
        return MOTOR_SIGNS * self.lever


PARAMETERS: dict[str, QuadrotorParameters] = {
    "cf2x_l250": QuadrotorParameters(
        mass=0.0328,
        inertia=(16.8e-6, 16.8e-6, 29.8e-6),
        lever=0.03253,
        thrust_max=0.12,
        thrust_min=0.01282,
        torque_ratio=1.4593e-12 / 2.4583e-10,
        motor_time_constant=1.0 / 11.53,
        drag=(0.01495, 0.01495, 0.0139),
        source="Crazyflow 0.4, cf2x_L250: mass, inertia, thrust limits, drag, leading terms of rpm2torque and "
        "rpm2thrust in first_principles; thrust lag from thrust_dyn_coef in so_rpy_rotor",
    ),
    "cf21b_500": QuadrotorParameters(
        mass=0.0434,
        inertia=(25e-6, 28e-6, 49e-6),
        lever=0.035355,
        thrust_max=0.2,
        thrust_min=0.02136,
        torque_ratio=2.4693e-12 / 4.4074e-10,
        motor_time_constant=1.0 / 19.30,
        drag=(0.02164, 0.02164, 0.02477),
        source="Crazyflow 0.4, cf21B_500 (Crazyflie 2.1 Brushless), the same tables",
    ),
    "cf2x_pybullet": QuadrotorParameters(
        mass=0.027,
        inertia=(1.4e-5, 1.4e-5, 2.17e-5),
        lever=0.028,
        thrust_max=2.25 * 0.027 * GRAVITY / 4.0,
        thrust_min=0.0,
        torque_ratio=7.94e-12 / 3.16e-10,
        motor_time_constant=0.0,
        drag=(0.0, 0.0, 0.0),
        source="gym-pybullet-drones, assets/cf2x.urdf: kf, km, thrust2weight 2.25; it has no motor lag, and its "
        "speed-dependent drag is left out",
    ),
    "cf2_l2f": QuadrotorParameters(
        mass=0.027,
        inertia=(3.85e-6, 3.85e-6, 5.97e-6),
        lever=0.028,
        thrust_max=0.027 * GRAVITY / 4.0 / 0.667**2,
        thrust_min=0.0,
        torque_ratio=0.00596,
        motor_time_constant=0.15,
        drag=(0.0, 0.0, 0.0),
        source="Eschmann et al., Learning to Fly in Seconds (2024): largest thrust from its hover action 0.334 in "
        "[-1, 1], thrust quadratic in motor speed; its lag acts on motor speed, here on thrust",
    ),
}


def parameters(name: str) -> QuadrotorParameters:
    """The set called `name`. Raises ValueError, with the nearest name, if there is none."""
    if name not in PARAMETERS:
        raise ValueError(f"no quadrotor parameters '{name}'.{did_you_mean(name, PARAMETERS)}")
    return PARAMETERS[name]
