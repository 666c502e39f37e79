"""Drawing a MuJoCo scene under a named render profile.

A policy is trained and judged under one profile, so the profile is part of a benchmark's name. In software the cost
of an image is the shadow map, then multi-sampling, then triangles; its size hardly matters.
"""

import copy
from collections import OrderedDict
from dataclasses import dataclass, replace

import mujoco
import numpy as np
from jaxtyping import Float32, Int32, UInt8

from praxia.core.errors import UnknownName
from praxia.envs.graphics import make_current, thread_local
from praxia.envs.meshes import decimate
from praxia.envs.textures import shrink

__all__ = ["PROFILES", "Mounted", "Profile", "View", "draw", "draw_depth", "draw_segments", "find_profile"]


@dataclass(frozen=True)
class Profile:
    """How a scene is drawn.

    `effects` are shadows, reflections and multi-sampling, `faces` the fraction of each mesh's triangles,
    `texture_pixels` the longest side of a texture, and `kept` how many scenes stay in graphics memory.
    """

    effects: bool
    faces: float
    texture_pixels: int | None
    kept: int


# A scene of Meta-World takes 110, 45 and 5 MB of graphics memory; a process may have all fifty tasks under way.
PROFILES = {
    "default": Profile(effects=True, faces=1.0, texture_pixels=None, kept=8),
    "plain": Profile(effects=False, faces=1.0, texture_pixels=None, kept=8),
    "fast": Profile(effects=False, faces=0.1, texture_pixels=256, kept=64),
}


def find_profile(name: str) -> Profile:
    """The render profile of that name. Raises UnknownName."""
    if name not in PROFILES:
        raise UnknownName("render profile", name, PROFILES, "praxia info --benchmarks")
    return PROFILES[name]


@dataclass(frozen=True)
class View:
    """A camera that hangs in the world: where it is, where it looks, and its vertical field of view."""

    position_m: tuple[float, float, float]
    target_m: tuple[float, float, float]
    fovy_deg: float

    def camera(self, model: mujoco.MjModel) -> mujoco.MjvCamera:
        ahead = np.subtract(self.target_m, self.position_m)
        camera = mujoco.MjvCamera()
        camera.type = mujoco.mjtCamera.mjCAMERA_FREE
        camera.lookat[:] = self.target_m
        camera.distance = np.linalg.norm(ahead)
        camera.azimuth = np.rad2deg(np.arctan2(ahead[1], ahead[0]))
        camera.elevation = np.rad2deg(np.arcsin(ahead[2] / camera.distance))
        return camera


@dataclass(frozen=True)
class Mounted:
    """A camera of the model itself, by its name: it moves with the embodiment that it is mounted on."""

    name: str

    def camera(self, model: mujoco.MjModel) -> mujoco.MjvCamera:
        camera = mujoco.MjvCamera()
        camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        camera.fixedcamid = model.camera(self.name).id
        return camera


class _Canvas:
    """The graphics memory of one scene under one profile at one size, shared by all simulators of that scene."""

    def __init__(self, model: mujoco.MjModel, how: Profile, size: int):
        make_current()
        self.scene = mujoco.MjvScene(model, maxgeom=max(300, model.ngeom + model.nsite + 50))
        # What is uploaded is a copy of the model: the one that is simulated is never changed.
        drawn = copy.copy(model)
        drawn.vis.global_.offwidth = drawn.vis.global_.offheight = size
        if not how.effects:
            drawn.vis.quality.offsamples = 0
            drawn.vis.quality.shadowsize = 0
            self.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
            self.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        if how.faces < 1:
            decimate(drawn, how.faces)
        if how.texture_pixels is not None:
            shrink(drawn, how.texture_pixels)
        self.context = mujoco.MjrContext(drawn, mujoco.mjtFontScale.mjFONTSCALE_50.value)
        self.area = mujoco.MjrRect(0, 0, size, size)
        self.option = mujoco.MjvOption()


def _canvas(model: mujoco.MjModel, scene: str, how: Profile, size: int) -> _Canvas:
    canvases: OrderedDict[tuple[str, int], _Canvas] = thread_local(f"canvases {how}", OrderedDict)
    key = (scene, size)
    if key not in canvases:
        while len(canvases) >= how.kept:
            canvases.popitem(last=False)[1].context.free()
        canvases[key] = _Canvas(model, how, size)
    canvases.move_to_end(key)
    return canvases[key]


def draw(
    model: mujoco.MjModel, data: mujoco.MjData, *, scene: str, view: View | Mounted, how: Profile, size: int
) -> UInt8[np.ndarray, "Y X 3"]:
    """A square image of `size` pixels, upright. Neither `model` nor `data` is changed.

    `scene` names what `model` was compiled from: models of one name share their uploaded meshes and textures.

    Raises:
        GraphicsError: this machine cannot draw off screen.
    """
    canvas = _render(model, data, scene, view, how, size)
    image = np.empty((size, size, 3), np.uint8)
    mujoco.mjr_readPixels(image, None, canvas.area, canvas.context)
    return np.ascontiguousarray(image[::-1])


def draw_depth(
    model: mujoco.MjModel, data: mujoco.MjData, *, scene: str, view: View | Mounted, how: Profile, size: int
) -> Float32[np.ndarray, "Y X"]:
    """As `draw`, but the distance of every pixel from the camera's plane, in metres."""
    canvas = _render(model, data, scene, view, replace(how, effects=False), size)  # samples would be averaged
    depth = np.empty((size, size), np.float32)
    mujoco.mjr_readPixels(None, depth, canvas.area, canvas.context)
    near, far = (model.stat.extent * edge for edge in (model.vis.map.znear, model.vis.map.zfar))
    # OpenGL keeps 0 at the near plane, 1 at the far one, and what is linear in 1 / distance between them.
    return (near / (1 - depth[::-1] * (1 - near / far))).astype(np.float32)


def draw_segments(
    model: mujoco.MjModel, data: mujoco.MjData, *, scene: str, view: View | Mounted, how: Profile, size: int
) -> Int32[np.ndarray, "Y X"]:
    """As `draw`, but the id of the geom that every pixel shows; -1 where there is none."""
    plain = replace(how, effects=False)  # blended or shaded numbers would be others
    canvas = _render(model, data, scene, view, plain, size, segmented=True)
    image = np.empty((size, size, 3), np.uint8)
    mujoco.mjr_readPixels(image, None, canvas.area, canvas.context)
    number = image[::-1].astype(np.int32) @ np.array([1, 1 << 8, 1 << 16], np.int32)
    shown = canvas.scene.geoms[: canvas.scene.ngeom]
    geoms = {geom.segid + 1: geom.objid for geom in shown if geom.objtype == mujoco.mjtObj.mjOBJ_GEOM}
    table = np.full(number.max() + 1, -1, np.int32)
    for segment, geom in geoms.items():
        if segment < len(table):
            table[segment] = geom
    return table[number]


def _render(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    scene: str,
    view: View | Mounted,
    how: Profile,
    size: int,
    *,
    segmented: bool = False,
) -> _Canvas:
    """Draw into the canvas of this scene, whose buffer is then the one to read."""
    canvas = _canvas(model, scene, how, size)
    make_current()
    mujoco.mjv_updateScene(
        model, data, canvas.option, None, view.camera(model), mujoco.mjtCatBit.mjCAT_ALL.value, canvas.scene
    )
    if isinstance(view, View):
        _set_field_of_view(canvas.scene, view.fovy_deg)
    canvas.scene.flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = segmented
    canvas.scene.flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = segmented
    # MuJoCo draws into whatever buffer is bound but reads from its own: with two canvases those are not the same.
    mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, canvas.context)
    mujoco.mjr_render(canvas.area, canvas.scene, canvas.context)
    return canvas


def _set_field_of_view(scene: mujoco.MjvScene, fovy_deg: float) -> None:
    """A free camera takes its angle from the model, which is not ours to change: the frustum is set instead."""
    for eye in scene.camera:
        half = eye.frustum_near * np.tan(np.deg2rad(fovy_deg) / 2)
        eye.frustum_bottom, eye.frustum_top, eye.frustum_width = -half, half, half
