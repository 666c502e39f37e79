"""Fewer triangles for small pictures: the visual meshes of a compiled MuJoCo model, simplified in place."""

import hashlib
from functools import lru_cache

import fast_simplification
import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from praxia.envs.graphics import mujoco

__all__ = ["decimate"]

# A mesh of fewer faces costs nothing and would lose its shape.
_FEWEST_FACES = 200
# Faces that meet at less than this angle are shaded as one smooth surface.
_SMOOTH_RAD = np.deg2rad(40)


def decimate(model: mujoco.MjModel, fraction: float) -> None:
    """Keep about `fraction` of the faces of every mesh of `model`, with new normals and texture coordinates.

    Quadric edge collapse (Garland and Heckbert 1997). The arrays of the compiled model are overwritten, each mesh
    inside its own slots, so that the mesh frames stay those of the original: `model` draws like it, and must not
    be simulated. Deterministic.
    """
    for mesh in range(model.nmesh):
        vertices = model.mesh_vert[model.mesh_vertadr[mesh] :][: model.mesh_vertnum[mesh]]
        faces = model.mesh_face[model.mesh_faceadr[mesh] :][: model.mesh_facenum[mesh]]
        if len(faces) > _FEWEST_FACES:
            keep = max(fraction, _FEWEST_FACES / len(faces))
            _overwrite(model, mesh, *_simplify(vertices.tobytes(), faces.tobytes(), keep))
