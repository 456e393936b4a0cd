"""Pictures of a published scene: from its MJCF text and positions alone, apart from the physics."""

from __future__ import annotations

import os
from typing import Literal, overload

import mujoco
import numpy as np
from numpy.typing import NDArray

from robot_rl import workspace
from robot_rl.hardware.camera import CameraError, Intrinsics
from robot_rl.sim.culling import in_view
from robot_rl.sim.meshes import simplify_visual_meshes

Color = NDArray[np.uint8]  # (H, W, 3) RGB
Depth = NDArray[np.uint16]  # (H, W) [mm]
_UNSEEN = 5
"""A geom group that is not drawn, for what lies out of the picture."""
MAX_DEPTH_MM = np.iinfo(np.uint16).max


class SceneRenderer:
    """Renders a scene through its own model and data; only kinematics are computed, never dynamics.

    Visual meshes are simplified, geoms out of view are left out, and shadows, reflections and multisampling
    are off. benchmarks/simulation.py measures a control step with two 128x128 pictures against robosuite's own
    rendering. One OpenGL context is kept for each picture size; use a renderer from one thread only.

    Args:
        xml: the scene's MJCF with absolute asset paths.
        max_faces: triangles kept of each visual mesh.

    Raises:
        CameraError: the scene cannot be compiled.
    """

    def __init__(self, xml: str, *, max_faces: int = 800) -> None:
        try:
            spec = mujoco.MjSpec.from_string(xml)
            simplify_visual_meshes(spec, max_faces)
            self.model: mujoco.MjModel = spec.compile()
        except ValueError as error:
            raise CameraError(f"the scene cannot be compiled for rendering: {error}") from error
        self.model.vis.quality.offsamples = 0
        self.model.vis.quality.shadowsize = 0
        self._data = mujoco.MjData(self.model)
        self._groups = self.model.geom_group.copy()
        self._renderers: dict[tuple[int, int], mujoco.Renderer] = {}
        self._posed: NDArray[np.float64] | None = None

    @property
    def cameras(self) -> tuple[str, ...]:
        """The scene's camera names."""
        return tuple(self.model.camera(i).name for i in range(self.model.ncam))

    @overload
    def render(
        self, qpos: NDArray[np.float64], camera: str, width: int, height: int, depth: Literal[False] = ...
    ) -> Color: ...

    @overload
    def render(
        self, qpos: NDArray[np.float64], camera: str, width: int, height: int, depth: Literal[True]
    ) -> tuple[Color, Depth]: ...

    @overload
    def render(
        self, qpos: NDArray[np.float64], camera: str, width: int, height: int, depth: bool
    ) -> Color | tuple[Color, Depth]: ...

    def render(
        self, qpos: NDArray[np.float64], camera: str, width: int, height: int, depth: bool = False
    ) -> Color | tuple[Color, Depth]:
        """The scene at `qpos` (nq,) seen by `camera`.

        Returns:
            Colour (height, width, 3) RGB; with `depth`, also the distance along the optical axis
            (height, width) [mm], 0 where it exceeds 65.535 m.

        Raises:
            CameraError: no such camera, or `qpos` of another scene.
        """
        self._check(camera)
        self._pose(qpos)
        renderer = self._renderer(width, height)
        seen = in_view(self.model, self._data, self.model.camera(camera).id, width / height)
        self.model.geom_group[:] = np.where(seen, self._groups, _UNSEEN)
        renderer.update_scene(self._data, camera=camera)
        color = renderer.render()
        if not depth:
            return color
        renderer.enable_depth_rendering()
        try:
            metres = renderer.render()
        finally:
            renderer.disable_depth_rendering()
        millimetres = np.rint(metres * 1000.0)
        return color, np.where(millimetres <= MAX_DEPTH_MM, millimetres, 0).astype(np.uint16)

    def intrinsics(self, camera: str, width: int, height: int) -> Intrinsics:
        """Pinhole parameters [px] of a camera at this size, from its vertical field of view.

        The optical axis passes the centre of the picture, which is ((W - 1) / 2, (H - 1) / 2) where pixel
        centres have whole coordinates, as in CameraInfo.
        """
        self._check(camera)
        fovy = np.deg2rad(float(self.model.camera(camera).fovy[0]))
        focal = 0.5 * height / np.tan(0.5 * fovy)
        return Intrinsics(width, height, focal, focal, 0.5 * (width - 1), 0.5 * (height - 1))

    def close(self) -> None:
        """Release the OpenGL contexts."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()

    def _check(self, camera: str) -> None:
        if camera not in self.cameras:
            raise CameraError(f"the scene has no camera '{camera}'.{workspace.did_you_mean(camera, self.cameras)}")

    def _pose(self, qpos: NDArray[np.float64]) -> None:
        """Place the bodies, cameras and lights; nothing to do if the state is the last one."""
        if qpos.shape != (self.model.nq,):
            raise CameraError(f"qpos has shape {qpos.shape}, the scene has ({self.model.nq},): it is another scene's")
        if self._posed is not None and np.array_equal(self._posed, qpos):
            return
        self._data.qpos[:] = qpos
        mujoco.mj_kinematics(self.model, self._data)
        mujoco.mj_comPos(self.model, self._data)
        mujoco.mj_camlight(self.model, self._data)
        self._posed = qpos.copy()

    def _renderer(self, width: int, height: int) -> mujoco.Renderer:
        """The one of this size, made at first use: creating an OpenGL context costs some 200 ms of CPU time."""
        if (width, height) not in self._renderers:
            self.model.vis.global_.offwidth, self.model.vis.global_.offheight = width, height
            try:
                renderer = mujoco.Renderer(self.model, height=height, width=width)
            except (mujoco.FatalError, ImportError, RuntimeError) as error:
                platform = os.environ.get("MUJOCO_GL", "unset")
                raise CameraError(
                    f"no OpenGL context (MUJOCO_GL is {platform}): {error}; set MUJOCO_GL=egl before importing mujoco"
                ) from error
            for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
                renderer.scene.flags[flag] = 0
            self._renderers[width, height] = renderer
        return self._renderers[width, height]
