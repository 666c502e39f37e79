"""Fewer triangles for small images: the meshes of a compiled MuJoCo model, simplified in place."""

from functools import cache

import fast_simplification
import mujoco
import numpy as np
from scipy.spatial import KDTree

__all__ = ["decimate"]

# A mesh of fewer faces costs next to nothing and would lose its shape.
_FEWEST_FACES = 200
# What a difference in direction is worth in space: opposite normals are as unlike as points at a fifth of the extent.
_DIRECTION_SCALE = 0.1


def decimate(model: mujoco.MjModel, fraction: float) -> None:
    """Keep about `fraction` of the faces of every mesh of `model`, 200 at least.

    Quadric edge collapse (Garland and Heckbert 1997). Each corner of a new face takes normal and texture coordinate
    of the original corner most like it in place and direction: smooth surfaces stay smooth, edges sharp, and textures
    where they were. Deterministic. The arrays of the compiled model are overwritten, each mesh inside its own slots,
    so that every mesh keeps its frame. Such a model is for drawing: it does not collide like the original.
    """
    for mesh in range(model.nmesh):
        rows = _slots(model.mesh_faceadr, model.mesh_facenum, mesh)
        vertex_rows = _slots(model.mesh_vertadr, model.mesh_vertnum, mesh)
        keep = max(fraction, _FEWEST_FACES / model.mesh_facenum[mesh])
        if keep >= 1:
            continue
        normal_index, texture_index = model.mesh_facenormal[rows].copy(), model.mesh_facetexcoord[rows].copy()
        normals = model.mesh_normal[model.mesh_normaladr[mesh] + normal_index]
        vertices, faces, like = _simplified(
            model.mesh_vert[vertex_rows].tobytes(), model.mesh_face[rows].tobytes(), normals.tobytes(), float(keep)
        )
        model.mesh_vert[vertex_rows][: len(vertices)] = vertices
        model.mesh_face[rows][: len(faces)] = faces
        model.mesh_facenormal[rows][: len(faces)] = normal_index.reshape(-1)[like]
        model.mesh_facetexcoord[rows][: len(faces)] = texture_index.reshape(-1)[like]
        model.mesh_facenum[mesh] = len(faces)


def _slots(starts: np.ndarray, counts: np.ndarray, mesh: int) -> slice:
    """Where a mesh lies in an array that all meshes share."""
    return slice(int(starts[mesh]), int(starts[mesh] + counts[mesh]))


# The arm's meshes are the same in all scenes and what comes out is small: each is simplified once in a process.
@cache
def _simplified(
    vertices: bytes, faces: bytes, normals: bytes, keep: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A coarse mesh: vertices float32[V, 3], faces int32[F, 3], and the original corner like each corner, int[F, 3].

    The originals are `vertices` float32[v, 3], `faces` int32[f, 3] and the corners' `normals` float32[f, 3, 3].
    """
    points = np.frombuffer(vertices, np.float32).reshape(-1, 3).astype(np.float64)
    triangles = np.frombuffer(faces, np.int32).reshape(-1, 3).copy()  # it refuses read-only arrays
    directions = np.frombuffer(normals, np.float32).reshape(-1, 3)
    coarse, corners = fast_simplification.simplify(points, triangles, target_reduction=1 - keep)[:2]
    scale = _DIRECTION_SCALE * np.linalg.norm(np.ptp(points, axis=0))
    a, b, c = coarse[corners].swapaxes(0, 1)
    across = np.cross(b - a, c - a)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-30)
    originals = np.hstack([points[triangles.reshape(-1)], scale * directions])
    wanted = np.hstack([coarse[corners.reshape(-1)], scale * np.repeat(across, 3, axis=0)])
    _, like = KDTree(originals).query(wanted)
    return coarse.astype(np.float32), corners.astype(np.int32), like.reshape(-1, 3)
