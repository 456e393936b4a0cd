"""Poses as tensors: relative ones, and position with rotation columns, which a network can regress.

Conventions as in `robot_rl.control.poses`: a pose is (..., 7), position [m] then the unit quaternion x y z w. Regressed
is (..., 9): position, then the first two columns of the rotation matrix (Zhou et al. 2019, "On the Continuity of
Rotation Representations in Neural Networks"), which are the same for q and -q.
"""

from __future__ import annotations

import torch
from torch import Tensor

from robot_rl.policies.rotations import conjugate, multiply, rotate, rotation_columns

COLUMNS = 9
"""Numbers of a regressed pose."""


def compose(a: Tensor, b: Tensor) -> Tensor:
    """The pose b, given in the frame of pose a, in the frame that a is given in, (..., 7)."""
    return torch.cat([a[..., :3] + rotate(a[..., 3:], b[..., :3]), multiply(a[..., 3:], b[..., 3:])], dim=-1)


def relative(reference: Tensor, pose: Tensor) -> Tensor:
    """`pose` in the frame of the pose `reference`, both given in one frame, (..., 7); undone by `compose`."""
    q = conjugate(reference[..., 3:])
    return torch.cat([rotate(q, pose[..., :3] - reference[..., :3]), multiply(q, pose[..., 3:])], dim=-1)


def to_columns(pose: Tensor) -> Tensor:
    """A pose (..., 7) as position and rotation columns (..., 9)."""
    return torch.cat([pose[..., :3], rotation_columns(pose[..., 3:])], dim=-1)


def from_columns(x: Tensor) -> Tensor:
    """The pose (..., 7) of position and two columns (..., 9), which need not be orthonormal: Gram-Schmidt.

    The quaternion has either sign. Columns that name no rotation (zero or parallel) give one that is not a number.
    """
    a, b = x[..., 3:6], x[..., 6:9]
    first = a / a.norm(dim=-1, keepdim=True)
    b = b - (first * b).sum(-1, keepdim=True) * first
    second = b / b.norm(dim=-1, keepdim=True)
    return torch.cat([x[..., :3], _quaternion(first, second, torch.linalg.cross(first, second))], dim=-1)


def align_signs(q: Tensor, start: Tensor) -> Tensor:
    """Quaternions (..., T, 4) with signs such that each is nearest to the one before it, the first to `start` (..., 4).

    A robot that interpolates between commands, or averages them, then never goes the long way round.
    """
    before = torch.cat([start[..., None, :], q[..., :-1, :]], dim=-2)
    flips = torch.where((q * before).sum(-1, keepdim=True) < 0, -1.0, 1.0).to(q.dtype)
    return q * flips.cumprod(dim=-2)


def _quaternion(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Of the rotation matrix with these columns (..., 3). 4 q q^T is linear in the matrix: take its row of the largest
    diagonal element, the one far from zero."""
    (r00, r10, r20), (r01, r11, r21), (r02, r12, r22) = x.unbind(-1), y.unbind(-1), z.unbind(-1)
    rows = [
        [1 + r00 - r11 - r22, r01 + r10, r02 + r20, r21 - r12],
        [r01 + r10, 1 - r00 + r11 - r22, r12 + r21, r02 - r20],
        [r02 + r20, r12 + r21, 1 - r00 - r11 + r22, r10 - r01],
        [r21 - r12, r02 - r20, r10 - r01, 1 + r00 + r11 + r22],
    ]
    outer = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
    largest = outer.diagonal(dim1=-2, dim2=-1).argmax(-1)[..., None, None].expand(*outer.shape[:-2], 1, 4)
    q = outer.gather(-2, largest).squeeze(-2)
    return q / q.norm(dim=-1, keepdim=True)
