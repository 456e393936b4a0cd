"""Rotations as tensors: unit quaternions x y z w, and columns of rotation matrices, which networks can take."""

from __future__ import annotations

import torch
from torch import Tensor


def rotation_columns(q: Tensor) -> Tensor:
    """Quaternions x y z w (..., 4) to the first two columns of the rotation matrix (..., 6).

    The quaternion need not be of unit length; q and -q give the same six numbers.
    """
    x, y, z, w = (q / q.norm(dim=-1, keepdim=True).clamp_min(1e-8)).unbind(-1)
    first = [1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w)]
    second = [2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w)]
    return torch.stack(first + second, dim=-1)


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """The rotation b followed by the rotation a, (..., 4)."""
    u, w = a[..., :3], a[..., 3:]
    v, s = b[..., :3], b[..., 3:]
    u, v = torch.broadcast_tensors(u, v)
    vector = w * v + s * u + torch.linalg.cross(u, v)
    return torch.cat([vector, w * s - (u * v).sum(-1, keepdim=True)], dim=-1)


def conjugate(q: Tensor) -> Tensor:
    """The inverse rotation of a unit quaternion (..., 4)."""
    return torch.cat([-q[..., :3], q[..., 3:]], dim=-1)


def rotate(q: Tensor, v: Tensor) -> Tensor:
    """The vector v (..., 3) turned by q (..., 4)."""
    axis, v = torch.broadcast_tensors(q[..., :3], v)
    t = 2 * torch.linalg.cross(axis, v)
    return v + q[..., 3:] * t + torch.linalg.cross(axis, t)
