"""Which geoms a camera can see at all: drawing the others costs software OpenGL time and changes no pixel."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray


def in_view(model: mujoco.MjModel, data: mujoco.MjData, camera: int, aspect: float) -> NDArray[np.bool_]:
    """Geoms (ngeom,) whose bounding sphere reaches into the camera's pyramid of view, and all that have no bound.

    `data` holds placed bodies and cameras (mj_kinematics, mj_camlight). Cameras that are not plain pinholes
    (orthographic, or with intrinsics of their own) see everything.

    Args:
        aspect: width over height of the picture.
    """
    pinhole = not model.cam_sensorsize[camera].any() and not _orthographic(model, camera)
    if not pinhole:
        return np.ones(model.ngeom, dtype=bool)
    offset = (data.geom_xpos - data.cam_xpos[camera]) @ data.cam_xmat[camera].reshape(3, 3)
    right, up, ahead = np.abs(offset[:, 0]), np.abs(offset[:, 1]), -offset[:, 2]
    half = 0.5 * np.deg2rad(model.cam_fovy[camera])
    radius = model.geom_rbound
    inside = ahead > -radius
    for across, tangent in ((up, np.tan(half)), (right, aspect * np.tan(half))):
        # Distance to the side plane of the pyramid, positive outside.
        inside &= (across - ahead * tangent) / np.hypot(1.0, tangent) < radius
    return inside | (radius == 0.0)  # a plane is infinite and has no bounding sphere


def _orthographic(model: mujoco.MjModel, camera: int) -> bool:
    return bool(model.cam_projection[camera] == mujoco.mjtProjection.mjPROJ_ORTHOGRAPHIC)
