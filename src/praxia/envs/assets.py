"""Lighter assets for small images: the meshes and textures of a compiled MuJoCo model, simplified in place."""

from functools import cache

import fast_simplification
import mujoco
import numpy as np
from scipy.spatial import KDTree

__all__ = ["decimate_meshes", "shrink_textures"]

# A mesh of fewer faces costs next to nothing and would lose its shape.
_MIN_FACES = 200
# The weight of a difference in direction: opposite normals count as much as points apart by a fifth of the extent.
_DIRECTION_SCALE = 0.1


def decimate_meshes(model: mujoco.MjModel, fraction: float) -> None:
    """Keep about `fraction` of the faces of every mesh of `model`, 200 at least.

    Quadric edge collapse (Garland and Heckbert 1997). Each corner of a new face takes the normal and texture coordinate
    of the original corner nearest in position and direction: smooth surfaces stay smooth, edges sharp, and textures in
    place. Deterministic. The arrays of the compiled model are overwritten, each mesh within its own slice: every mesh
    keeps its frame. Such a model is for rendering only: it does not collide like the original.
    """
    for mesh in range(model.nmesh):
        rows = _slice(model.mesh_faceadr, model.mesh_facenum, mesh)
        vertex_rows = _slice(model.mesh_vertadr, model.mesh_vertnum, mesh)
        keep = max(fraction, _MIN_FACES / model.mesh_facenum[mesh])
        if keep >= 1:
            continue
        normal_index, texture_index = model.mesh_facenormal[rows].copy(), model.mesh_facetexcoord[rows].copy()
        normals = model.mesh_normal[model.mesh_normaladr[mesh] + normal_index]
        vertices, faces, nearest = _simplified(
            model.mesh_vert[vertex_rows].tobytes(), model.mesh_face[rows].tobytes(), normals.tobytes(), float(keep)
        )
        model.mesh_vert[vertex_rows][: len(vertices)] = vertices
        model.mesh_face[rows][: len(faces)] = faces
        model.mesh_facenormal[rows][: len(faces)] = normal_index.reshape(-1)[nearest]
        model.mesh_facetexcoord[rows][: len(faces)] = texture_index.reshape(-1)[nearest]
        model.mesh_facenum[mesh] = len(faces)


def _slice(starts: np.ndarray, counts: np.ndarray, mesh: int) -> slice:
    """A mesh's part of an array that all meshes share."""
    return slice(int(starts[mesh]), int(starts[mesh] + counts[mesh]))


# The arm's meshes are the same in all scenes and the results are small: each is simplified once per process.
@cache
def _simplified(
    vertices: bytes, faces: bytes, normals: bytes, keep: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A coarse mesh: vertices float32[V, 3], faces int32[F, 3], and the nearest original corner of each, int[F, 3].

    The originals are `vertices` float32[v, 3], `faces` int32[f, 3] and the corners' `normals` float32[f, 3, 3].
    """
    points = np.frombuffer(vertices, np.float32).reshape(-1, 3).astype(np.float64)
    triangles = np.frombuffer(faces, np.int32).reshape(-1, 3).copy()  # simplify refuses read-only arrays
    directions = np.frombuffer(normals, np.float32).reshape(-1, 3)
    coarse, corners = fast_simplification.simplify(points, triangles, target_reduction=1 - keep)[:2]
    scale = _DIRECTION_SCALE * np.linalg.norm(np.ptp(points, axis=0))
    a, b, c = coarse[corners].swapaxes(0, 1)
    across = np.cross(b - a, c - a)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-30)
    originals = np.hstack([points[triangles.reshape(-1)], scale * directions])
    wanted = np.hstack([coarse[corners.reshape(-1)], scale * np.repeat(across, 3, axis=0)])
    _, nearest = KDTree(originals).query(wanted)
    return coarse.astype(np.float32), corners.astype(np.int32), nearest.reshape(-1, 3)


def shrink_textures(model: mujoco.MjModel, max_px: int) -> None:
    """Halve the textures of a compiled model, in place, until none is wider than `max_px`.

    Textures are nearly all of the graphics memory that a scene takes. Texels are averaged, as in the mip maps of a
    distant surface. The six faces of a cube are stored one below another, so that halving does not mix them.
    """
    for texture in range(model.ntex):
        height, width = int(model.tex_height[texture]), int(model.tex_width[texture])
        channels, start = int(model.tex_nchannel[texture]), int(model.tex_adr[texture])
        texels = model.tex_data[start : start + height * width * channels].reshape(height, width, channels)
        while texels.shape[1] > max_px and texels.shape[0] % 2 == texels.shape[1] % 2 == 0:
            quarters = texels.reshape(texels.shape[0] // 2, 2, texels.shape[1] // 2, 2, channels)
            texels = quarters.mean(axis=(1, 3)).round().astype(np.uint8)
        model.tex_data[start : start + texels.size] = texels.reshape(-1)
        model.tex_height[texture], model.tex_width[texture] = texels.shape[:2]
