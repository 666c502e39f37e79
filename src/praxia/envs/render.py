"""Named render profiles: how a MuJoCo scene becomes a picture. A profile is part of a benchmark's name.

The cost of software OpenGL is geometry and shadow maps, not pixels: at the default quality a Meta-World frame of any
size takes a third of a second on one core.
"""

import copy
import os
from dataclasses import dataclass

import fast_simplification
import numpy as np
from jaxtyping import UInt8
from scipy.spatial import cKDTree

from praxia.core.errors import GraphicsError, UnknownName

os.environ.setdefault("MUJOCO_GL", "egl")

try:
    import mujoco
except RuntimeError as error:  # it refuses a MUJOCO_GL that it does not know
    raise GraphicsError(f"{error}; set MUJOCO_GL=egl") from None

__all__ = ["PROFILES", "Profile", "Renderer", "decimated", "find_profile", "gl_vendor"]


@dataclass(frozen=True)
class Profile:
    """`effects`: shadows, reflections and four samples a pixel. `faces`: the fraction of each mesh that is drawn."""

    effects: bool
    faces: float


PROFILES = {
    "default": Profile(effects=True, faces=1.0),
    "plain": Profile(effects=False, faces=1.0),
    "fast": Profile(effects=False, faces=0.1),
}

# Meshes of fewer faces are cheap already, and fall apart first.
MIN_FACES = 200


class Renderer:
    """Draws one model with one profile and one camera at `size` x `size` pixels. Holds an OpenGL context.

    It draws a copy of the model, so the physics cannot see the profile; `data` may be that of the original.
    """

    def __init__(self, model: mujoco.MjModel, profile: str, size: int, camera: mujoco.MjvCamera, fovy_deg: float):
        chosen = find_profile(profile)
        drawn = decimated(model, chosen.faces) if chosen.faces < 1 else copy.copy(model)
        drawn.vis.global_.offwidth = drawn.vis.global_.offheight = size
        drawn.vis.global_.fovy = fovy_deg
        if not chosen.effects:
            drawn.vis.quality.offsamples = 0
            drawn.vis.quality.shadowsize = 0
        try:
            self._renderer = mujoco.Renderer(drawn, size, size)
        except Exception as error:  # every OpenGL platform raises its own
            raise GraphicsError(_no_graphics(error)) from error
        self._camera = camera
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self._renderer.scene.flags[flag] = chosen.effects

    def draw(self, data: mujoco.MjData) -> UInt8[np.ndarray, "Y X 3"]:
        """The scene as it stands."""
        self._renderer.update_scene(data, self._camera)
        return self._renderer.render()

    def close(self) -> None:
        self._renderer.close()


def find_profile(name: str) -> Profile:
    """The render profile of that name.

    Raises:
        UnknownName: with the nearest names.
    """
    if name not in PROFILES:
        raise UnknownName("render profile", name, PROFILES, "praxia info --benchmarks")
    return PROFILES[name]


def decimated(model: mujoco.MjModel, faces: float) -> mujoco.MjModel:
    """A copy of `model` for drawing, whose larger meshes keep about the fraction `faces` of their triangles.

    Quadric edge collapse (the fast-simplification library) chooses the triangles; their corners are then moved to the
    nearest original vertices, so that positions, normals and texture coordinates stay the model's own.
    """
    drawn = copy.copy(model)
    for mesh in range(model.nmesh):
        start, num = int(model.mesh_faceadr[mesh]), int(model.mesh_facenum[mesh])
        if num < MIN_FACES:
            continue
        first, count = int(model.mesh_vertadr[mesh]), int(model.mesh_vertnum[mesh])
        points = np.array(model.mesh_vert[first : first + count])
        old = {
            name: np.array(getattr(model, name)[start : start + num])
            for name in ("mesh_face", "mesh_facenormal", "mesh_facetexcoord")
        }
        moved, triangles = fast_simplification.simplify(points, old["mesh_face"].astype(np.int32), 1 - faces)
        nearest = cKDTree(points).query(moved)[1]
        corner = np.zeros(count, dtype=np.int64)  # one triangle corner of the original at each vertex
        corner[old["mesh_face"].ravel()] = np.arange(3 * num)
        chosen = corner[nearest[triangles]]
        vertices = old["mesh_face"].ravel()[chosen]
        whole = (vertices != np.roll(vertices, 1, axis=1)).all(1)  # drop triangles that became lines
        chosen = chosen[whole]
        for name, value in old.items():
            getattr(drawn, name)[start : start + len(chosen)] = value.ravel()[chosen]
        drawn.mesh_facenum[mesh] = len(chosen)
    return drawn


def gl_vendor() -> str:
    """Vendor, renderer and version of the OpenGL that draws here: part of every result's fingerprint."""
    from OpenGL import GL

    try:
        context = mujoco.GLContext(16, 16)
        context.make_current()
    except Exception as error:
        raise GraphicsError(_no_graphics(error)) from error
    text = " / ".join(GL.glGetString(name).decode() for name in (GL.GL_VENDOR, GL.GL_RENDERER, GL.GL_VERSION))
    context.free()
    return text


def _no_graphics(error: Exception) -> str:
    return (
        f"no off-screen OpenGL with MUJOCO_GL={os.environ['MUJOCO_GL']} ({type(error).__name__}); "
        "install it with `apt-get install libegl1 libgl1 libgles2`, then try again"
    )
