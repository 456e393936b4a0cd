"""Rigid-body arithmetic on arrays: quaternions, poses and twists.

Quaternions are (..., 4), x y z w, of unit length; q and -q are the same rotation. Poses are (..., 7):
position [m] then quaternion. Twists are (..., 6): linear [m/s] then angular [rad/s], both expressed in
the fixed frame that the pose is given in (not in the body). Every function broadcasts over the leading
axes and leaves its arguments untouched. Formulas: Sola, "Quaternion kinematics for the error-state
Kalman filter" (2017), sections 1-4, with the scalar moved last.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_SMALL = 1e-8
"""Below this angle [rad] the series of sin(x)/x is exact to double precision."""


def wrap(angle: ArrayLike) -> Array:
    """The same angle [rad] in [-pi, pi)."""
    return np.mod(np.asarray(angle, float) + np.pi, 2 * np.pi) - np.pi


def normalize(q: ArrayLike) -> Array:
    """Unit quaternion (..., 4) along `q`.

    Raises:
        ValueError: a quaternion has no length or is not finite, so that it names no rotation.
    """
    q = np.asarray(q, float)
    length = np.linalg.norm(q, axis=-1, keepdims=True)
    if not np.isfinite(length).all() or (length < _SMALL).any():
        raise ValueError(f"quaternion {q.tolist()} names no rotation; expected a finite one of length 1")
    return q / length


def is_rotation(q: Array) -> bool:
    """Whether a quaternion (4,) is finite and about of length 1, as a sensor's rounding leaves it: 0.9 to 1.1."""
    return bool((np.abs(q) < 1.1).all()) and 0.9 < float(np.linalg.norm(q)) < 1.1


def conjugate(q: ArrayLike) -> Array:
    """The inverse rotation of a unit quaternion (..., 4)."""
    return np.asarray(q, float) * np.array([-1.0, -1.0, -1.0, 1.0])


def multiply(a: ArrayLike, b: ArrayLike) -> Array:
    """The rotation b followed by the rotation a, (..., 4)."""
    ax, ay, az, aw = np.moveaxis(np.asarray(a, float), -1, 0)
    bx, by, bz, bw = np.moveaxis(np.asarray(b, float), -1, 0)
    return np.stack(
        [
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        ],
        axis=-1,
    )


def rotate(q: ArrayLike, v: ArrayLike) -> Array:
    """The vector v (..., 3) turned by q (..., 4)."""
    q, v = np.asarray(q, float), np.asarray(v, float)
    axis, w = q[..., :3], q[..., 3:]
    t = 2.0 * np.cross(axis, v)
    return v + w * t + np.cross(axis, t)


def exp(rotation_vector: ArrayLike) -> Array:
    """Rotation vector (..., 3) [rad] to unit quaternion (..., 4)."""
    r = np.asarray(rotation_vector, float)
    half = 0.5 * np.linalg.norm(r, axis=-1, keepdims=True)
    # np.sinc(x) = sin(pi x) / (pi x), which is finite at 0
    return np.concatenate([0.5 * r * np.sinc(half / np.pi), np.cos(half)], axis=-1)


def log(q: ArrayLike) -> Array:
    """Unit quaternion (..., 4) to its shortest rotation vector (..., 3), of length at most pi [rad]."""
    q = np.asarray(q, float)
    q = np.where(q[..., 3:] < 0.0, -q, q)
    axis, w = q[..., :3], q[..., 3:]
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    scale = np.where(sine < _SMALL, 2.0, 2.0 * np.arctan2(sine, w) / np.maximum(sine, _SMALL))
    return axis * scale


def angle(a: ArrayLike, b: ArrayLike) -> Array:
    """The angle (...) [rad] in [0, pi] between two rotations."""
    return np.asarray(np.linalg.norm(log(multiply(b, conjugate(a))), axis=-1))


def slerp(a: ArrayLike, b: ArrayLike, t: ArrayLike) -> Array:
    """The rotation a fraction t (...) of the shorter way from a to b, (..., 4)."""
    step = log(multiply(b, conjugate(a)))
    return multiply(exp(step * np.asarray(t, float)[..., None]), a)


def yaw(q: ArrayLike) -> Array:
    """Heading (...) [rad] in (-pi, pi] of a unit quaternion: its rotation about z in the z-y-x order."""
    x, y, z, w = np.moveaxis(np.asarray(q, float), -1, 0)
    return np.asarray(np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z)))


def compose(a: ArrayLike, b: ArrayLike) -> Array:
    """The pose b, given in the frame of pose a, in the frame that a is given in, (..., 7)."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    position = a[..., :3] + rotate(a[..., 3:], b[..., :3])
    return np.concatenate([position, multiply(a[..., 3:], b[..., 3:])], axis=-1)


def inverse(pose: ArrayLike) -> Array:
    """The pose (..., 7) that undoes `pose`."""
    pose = np.asarray(pose, float)
    q = conjugate(pose[..., 3:])
    return np.concatenate([-rotate(q, pose[..., :3]), q], axis=-1)


def error(current: ArrayLike, target: ArrayLike) -> Array:
    """The displacement (..., 6) from one pose to another: [m] then the shortest rotation vector [rad].

    Both in the fixed frame, so `error / t` is the twist that arrives after t seconds.
    """
    current, target = np.asarray(current, float), np.asarray(target, float)
    turn = log(multiply(target[..., 3:], conjugate(current[..., 3:])))
    return np.concatenate([target[..., :3] - current[..., :3], turn], axis=-1)


def integrate(pose: ArrayLike, twist: ArrayLike, dt: ArrayLike) -> Array:
    """The pose (..., 7) after moving with a constant twist (..., 6) for dt (...) [s]."""
    pose, twist = np.asarray(pose, float), np.asarray(twist, float)
    step = twist * np.asarray(dt, float)[..., None]
    q = multiply(exp(step[..., 3:]), pose[..., 3:])
    return np.concatenate([pose[..., :3] + step[..., :3], q / np.linalg.norm(q, axis=-1, keepdims=True)], axis=-1)
