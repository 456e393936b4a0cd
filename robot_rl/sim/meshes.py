"""Fewer triangles for pictures: visual meshes of a scene are simplified before it is compiled for rendering."""

from __future__ import annotations

import fast_simplification
import mujoco
import numpy as np
from numpy.typing import NDArray

_SMALLEST = 64
"""A mesh of fewer faces is left as it is."""


def simplify_visual_meshes(spec: mujoco.MjSpec, max_faces: int) -> None:
    """Replace each mesh that only untextured, non-colliding geoms use by one of about `max_faces` triangles at most.

    Quadric edge collapse (Garland and Heckbert, "Surface simplification using quadric error metrics",
    SIGGRAPH 1997). Texture coordinates do not survive it, so textured meshes are kept whole.
    """
    names = _simplifiable(spec)
    if not names:
        return
    model = spec.copy().compile()  # compiling loads the files; the spec itself must not have loaded them
    for mesh in spec.meshes:
        if mesh.name not in names or model.mesh(mesh.name).facenum[0] <= max(max_faces, _SMALLEST):
            continue
        vertices, faces = _weld(*_as_written(model, mesh.name))
        target = 1.0 - max(max_faces, _SMALLEST) / len(faces)
        if target <= 0.0:
            continue
        points, triangles = fast_simplification.simplify(vertices, faces, target_reduction=target)
        mesh.file = ""
        mesh.scale, mesh.refpos, mesh.refquat = np.ones(3), np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0])
        mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL  # an open shell has no volume
        mesh.uservert = points.ravel()
        mesh.userface = triangles.ravel()


def _simplifiable(spec: mujoco.MjSpec) -> set[str]:
    """Names of meshes that no colliding and no textured geom uses."""
    textured = {m.name for m in spec.materials if any(m.textures)}
    seen, kept = set(), set()
    for geom in spec.geoms:
        if geom.meshname:
            seen.add(geom.meshname)
            if geom.contype or geom.conaffinity or geom.material in textured:
                kept.add(geom.meshname)
    return seen - kept


def _as_written(model: mujoco.MjModel, name: str) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Vertices (V, 3) [m] and faces (F, 3) in the frame of the mesh's file, from the compiler's centred one."""
    mesh = model.mesh(name)
    vertices = model.mesh_vert[mesh.vertadr[0] : mesh.vertadr[0] + mesh.vertnum[0]]
    faces = model.mesh_face[mesh.faceadr[0] : mesh.faceadr[0] + mesh.facenum[0]]
    rotation = np.zeros(9)
    mujoco.mju_quat2Mat(rotation, model.mesh_quat[mesh.id])
    return (vertices @ rotation.reshape(3, 3).T + model.mesh_pos[mesh.id]).astype(np.float32), faces


def _weld(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Merge vertices at the same place (files repeat them for their normals), so that edges can collapse."""
    unique, index = np.unique(np.round(vertices, 6), axis=0, return_inverse=True)
    welded = index.reshape(-1)[faces]
    whole = (welded[:, 0] != welded[:, 1]) & (welded[:, 1] != welded[:, 2]) & (welded[:, 2] != welded[:, 0])
    return unique, np.ascontiguousarray(welded[whole], dtype=np.int32)
