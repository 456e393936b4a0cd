"""Operational-space control of a simulated arm: joint torques that make a site follow a moving reference.

Khatib, "A unified approach for motion and force control of robot manipulators: the operational space
formulation", IEEE J. Robotics and Automation 3(1), 1987.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from robot_rl.control.compliance import limit_displacement, six

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Gains:
    """Stiffness of the closed loop; damping is critical, 2 sqrt(stiffness)."""

    stiffness: float = 400.0
    """Of the end effector, linear and angular [1/s^2]."""
    posture: float = 10.0
    """Of the joints towards their home, acting only where the end effector does not feel it [1/s^2]."""
    regularization: float = 1e-4
    """Added to the diagonal of the operational mobility, so that singular poses stay solvable."""


class Reference:
    """The pose and velocity the end effector should have, in the world frame.

    The pose integrates the velocity, and may lead the measured pose only so far: pushing against an
    obstacle does not wind it up, and a stop takes effect at once.
    """

    def __init__(self) -> None:
        self.position: Array = np.zeros(3)  # [m]
        self.rotation: Array = np.eye(3)
        self.linear: Array = np.zeros(3)  # [m/s]
        self.angular: Array = np.zeros(3)  # [rad/s]
        self._increment: Array = np.eye(3)

    def hold(self, position: Array, rotation: Array) -> None:
        """Stand still at this pose."""
        self.position, self.rotation = position.copy(), rotation.copy()
        self.set_velocity(np.zeros(3), np.zeros(3), dt=1.0)

    def set_velocity(self, linear: Array, angular: Array, dt: float) -> None:
        """Move on at this velocity; `dt` [s] is the time that each `advance` will integrate."""
        self.linear, self.angular = linear, angular
        self._increment = rotation_from_vector(angular * dt)
        self._dt = dt

    def advance(self) -> None:
        """Integrate the velocity over dt."""
        self.position = self.position + self.linear * self._dt
        self.rotation = self._increment @ self.rotation

    def limit_lead(self, position: Array, rotation: Array, *most: float) -> None:
        """Pull the reference back until it leads the measured pose by at most `most` on each axis of the world.

        Args:
            most: for x, y, z [m] and the rotation vector's x, y, z [rad]; two numbers stand for three each.
        """
        turn = vector_from_rotation(self.rotation @ rotation.T)
        lead = limit_displacement(np.concatenate([self.position - position, turn]), six("lead", most))
        self.position = position + lead[:3]
        # Rebuilding the rotation from its vector also removes the drift of repeated products.
        self.rotation = rotation_from_vector(lead[3:]) @ rotation


class OperationalSpaceController:
    """Torques for the actuated joints of one arm in a MuJoCo scene.

    Args:
        model, data: the scene; `data` must hold positions and velocities (after mj_step1) when called.
        site: id of the end effector's site.
        actuators: ids of the torque motors, one a joint (n,).
        home: joint positions that the null space is drawn towards (n,) [rad].
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        site: int,
        actuators: NDArray[np.intp],
        home: Array,
        gains: Gains,
    ) -> None:
        self._model, self._data, self._site, self._gains = model, data, site, gains
        joints = model.actuator_trnid[actuators, 0]
        self._qpos = model.jnt_qposadr[joints]
        self._dofs = model.jnt_dofadr[joints]
        self._low, self._high = model.actuator_ctrlrange[actuators].T.copy()
        self._home = home
        self._damping = 2.0 * np.sqrt(gains.stiffness)
        self._posture_damping = 2.0 * np.sqrt(gains.posture)
        self._jacobian = np.zeros((6, model.nv))
        self._mobility_rows = np.zeros((6, model.nv))
        self._posture = np.zeros(model.nv)
        self._inertial = np.zeros(model.nv)
        self._ridge = gains.regularization * np.eye(6)

    def torques(self, reference: Reference) -> Array:
        """Joint torques (n,) [N m], clipped to the motors' ranges.

        tau = J^T Lambda (a - J p) + M p + h, with a = k (x_d - x) + d (v_d - v), Lambda = (J M^-1 J^T)^-1,
        p the acceleration that draws the joints home, and h gravity and Coriolis terms: J p is taken out
        of the task so that the posture acts in the dynamically consistent null space alone.
        """
        model, data, gains = self._model, self._data, self._gains
        jacobian = self._jacobian
        mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], self._site)
        mujoco.mj_solveM(model, data, self._mobility_rows, jacobian)
        mobility = jacobian @ self._mobility_rows.T + self._ridge

        acceleration = -self._damping * (jacobian @ data.qvel)
        acceleration[:3] += gains.stiffness * (reference.position - data.site_xpos[self._site])
        acceleration[:3] += self._damping * reference.linear
        error = reference.rotation @ data.site_xmat[self._site].reshape(3, 3).T
        acceleration[3:] += gains.stiffness * small_rotation_vector(error) + self._damping * reference.angular

        self._posture[self._dofs] = (
            gains.posture * (self._home - data.qpos[self._qpos]) - self._posture_damping * data.qvel[self._dofs]
        )
        mujoco.mj_mulM(model, data, self._inertial, self._posture)
        force = np.linalg.solve(mobility, acceleration - jacobian @ self._posture)
        torque = (force @ jacobian + self._inertial + data.qfrc_bias)[self._dofs]
        return np.minimum(np.maximum(torque, self._low), self._high)


def rotation_from_vector(vector: Array) -> Array:
    """Rotation matrix (3, 3) of a rotation vector (3,) [rad] (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    x, y, z = vector
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    if angle < 1e-8:
        return np.eye(3) + cross
    return np.eye(3) + np.sin(angle) / angle * cross + (1.0 - np.cos(angle)) / angle**2 * (cross @ cross)


def small_rotation_vector(rotation: Array) -> Array:
    """sin(angle) times the axis (3,): the rotation vector to first order, cheap enough for every physics step."""
    r = rotation
    return np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]]) * 0.5


def vector_from_rotation(rotation: Array) -> Array:
    """Rotation vector (3,) [rad] of a rotation matrix (3, 3), for angles below pi."""
    sine_axis = small_rotation_vector(rotation)
    sine = float(np.linalg.norm(sine_axis))
    angle = float(np.arctan2(sine, (np.trace(rotation) - 1.0) / 2.0))
    return sine_axis * (angle / sine) if sine > 1e-9 else sine_axis
