"""A force/torque sensor at a simulated wrist: what pushes on the tool from outside, its own weight taken out."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class WristSensor:
    """Mean over a control period of MuJoCo's force and torque sensors between a wrist and what is mounted on it.

    MuJoCo's sensors hold what the wrist exerts on the mounted subtree: mass times acceleration, less its weight and
    less what pushes on it from outside. The weight of the gripper is known and taken out, as a real sensor
    does after its tool has been calibrated; what the gripper holds, and inertia while it accelerates, stay in.

    Args:
        model, data: the scene.
        force, torque: names of the two sensors, at the same site.
        site: id of the site that the torque is reported about.
    """

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, force: str, torque: str, site: int) -> None:
        self._data, self._site = data, site
        sensors = [model.sensor(force), model.sensor(torque)]
        self._rows = np.concatenate([np.arange(s.adr[0], s.adr[0] + 3) for s in sensors])
        self._mount = int(sensors[0].objid[0])
        self._body = int(model.site_bodyid[self._mount])
        self._weight = float(model.body_subtreemass[self._body]) * model.opt.gravity  # (3,) [N, world]
        self._sum = np.zeros(6)
        self._count = 0

    def reset(self) -> None:
        """Forget what was felt; the reading is zero until the next `sample`."""
        self._sum, self._count = np.zeros(6), 0

    def sample(self) -> None:
        """Take in the newest physics step (after mj_step2)."""
        self._sum += self._data.sensordata[self._rows]
        self._count += 1

    def read(self) -> Array:
        """Force and torque (6,) on the tool about the site [N, N m], world axes: the mean since `reset`."""
        if not self._count:
            return np.zeros(6)
        data = self._data
        mean = self._sum / self._count
        rotation = data.site_xmat[self._mount].reshape(3, 3)
        force = -rotation @ mean[:3] - self._weight
        lever = data.subtree_com[self._body] - data.site_xpos[self._mount]
        torque = -rotation @ mean[3:] - np.cross(lever, self._weight)
        arm = data.site_xpos[self._mount] - data.site_xpos[self._site]
        return np.concatenate([force, torque + np.cross(arm, force)])
