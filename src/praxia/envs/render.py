"""Rendering a MuJoCo scene under a named render profile.

A policy is trained and evaluated under one profile, so the profile is part of a benchmark's name. With software
rendering an image costs its shadow map, then multi-sampling, then triangles; its size hardly matters.
"""

import copy
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, replace

import mujoco
import numpy as np
from jaxtyping import Float32, Int32, UInt8

from praxia.core.errors import UnknownName
from praxia.data.images import Size
from praxia.envs.assets import decimate_meshes, shrink_textures
from praxia.envs.graphics import make_current, thread_local

__all__ = [
    "PROFILES",
    "FreeCamera",
    "ModelCamera",
    "RenderProfile",
    "find_profile",
    "free_scenes",
    "render_depth",
    "render_image",
    "render_segmentation",
]


@dataclass(frozen=True)
class RenderProfile:
    """How a scene is rendered.

    `effects` are shadows, reflections and multi-sampling; `face_fraction` is the fraction of each mesh's triangles,
    `max_texture_px` the largest width of a texture (None: any), `num_cached` the number of scenes in graphics memory.
    """

    effects: bool
    face_fraction: float
    max_texture_px: int | None
    num_cached: int


# Under these profiles a Meta-World scene takes 110, 45 and 5 MB of graphics memory; a process may run all fifty tasks.
PROFILES = {
    "default": RenderProfile(effects=True, face_fraction=1.0, max_texture_px=None, num_cached=8),
    "plain": RenderProfile(effects=False, face_fraction=1.0, max_texture_px=None, num_cached=8),
    "fast": RenderProfile(effects=False, face_fraction=0.1, max_texture_px=256, num_cached=64),
}


def find_profile(name: str) -> RenderProfile:
    """The render profile of that name. Raises UnknownName."""
    if name not in PROFILES:
        raise UnknownName("render profile", name, PROFILES, "praxia info --benchmarks")
    return PROFILES[name]


@dataclass(frozen=True)
class FreeCamera:
    """A camera at a fixed position in the world, with its target and vertical field of view."""

    position_m: tuple[float, float, float]
    target_m: tuple[float, float, float]
    fovy_deg: float

    def to_mujoco(self, model: mujoco.MjModel) -> mujoco.MjvCamera:
        ahead = np.subtract(self.target_m, self.position_m)
        camera = mujoco.MjvCamera()
        camera.type = mujoco.mjtCamera.mjCAMERA_FREE
        camera.lookat[:] = self.target_m
        camera.distance = np.linalg.norm(ahead)
        camera.azimuth = np.rad2deg(np.arctan2(ahead[1], ahead[0]))
        camera.elevation = np.rad2deg(np.arcsin(ahead[2] / camera.distance))
        return camera


@dataclass(frozen=True)
class ModelCamera:
    """A camera of the model, by its name: it moves with the body on which it is mounted."""

    name: str

    def to_mujoco(self, model: mujoco.MjModel) -> mujoco.MjvCamera:
        camera = mujoco.MjvCamera()
        camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        camera.fixedcamid = model.camera(self.name).id
        return camera


class _RenderTarget:
    """The graphics memory of one scene under one profile at one size. All simulators of the scene share it."""

    def __init__(self, model: mujoco.MjModel, profile: RenderProfile, size: Size):
        make_current()
        self.scene = mujoco.MjvScene(model, maxgeom=max(300, model.ngeom + model.nsite + 50))
        # A copy of the model is uploaded: the simulated one is never changed.
        drawn = copy.copy(model)
        drawn.vis.global_.offheight, drawn.vis.global_.offwidth = size
        if not profile.effects:
            drawn.vis.quality.offsamples = 0
            drawn.vis.quality.shadowsize = 0
            self.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
            self.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        if profile.face_fraction < 1:
            decimate_meshes(drawn, profile.face_fraction)
        if profile.max_texture_px is not None:
            shrink_textures(drawn, profile.max_texture_px)
        self.context = mujoco.MjrContext(drawn, mujoco.mjtFontScale.mjFONTSCALE_50.value)
        self.area = mujoco.MjrRect(0, 0, size[1], size[0])
        self.option = mujoco.MjvOption()


def free_scenes() -> None:
    """Free the graphics memory of this thread's scenes. A scene is uploaded again when it is next rendered."""
    for targets in _targets().values():
        while targets:
            targets.popitem()[1].context.free()


def _targets() -> defaultdict[RenderProfile, OrderedDict[tuple[str, Size], _RenderTarget]]:
    """This thread's render targets by profile, then by scene and size, the least recently used first."""
    return thread_local("render_targets", lambda: defaultdict(OrderedDict))


def _target(model: mujoco.MjModel, scene: str, profile: RenderProfile, size: Size) -> _RenderTarget:
    targets = _targets()[profile]
    key = (scene, size)
    if key not in targets:
        while len(targets) >= profile.num_cached:
            targets.popitem(last=False)[1].context.free()
        targets[key] = _RenderTarget(model, profile, size)
    targets.move_to_end(key)
    return targets[key]


def render_image(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    *,
    scene: str,
    camera: FreeCamera | ModelCamera,
    profile: RenderProfile,
    size: Size,
) -> UInt8[np.ndarray, "Y X 3"]:
    """An image of `size` (height, width), upright. Neither `model` nor `data` is changed.

    `scene` names what `model` was compiled from: models of one name share their uploaded meshes and textures.

    Raises:
        GraphicsError: this machine cannot render off screen.
    """
    target = _render(model, data, scene, camera, profile, size)
    image = np.empty((*size, 3), np.uint8)
    mujoco.mjr_readPixels(image, None, target.area, target.context)
    return np.ascontiguousarray(image[::-1])


def render_depth(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    *,
    scene: str,
    camera: FreeCamera | ModelCamera,
    profile: RenderProfile,
    size: Size,
) -> Float32[np.ndarray, "Y X"]:
    """As `render_image`, but the distance of each pixel from the camera's plane, in metres."""
    # Multi-sampling would average depths.
    target = _render(model, data, scene, camera, replace(profile, effects=False), size)
    depth = np.empty(size, np.float32)
    mujoco.mjr_readPixels(None, depth, target.area, target.context)
    near, far = (model.stat.extent * edge for edge in (model.vis.map.znear, model.vis.map.zfar))
    # OpenGL stores 0 at the near plane, 1 at the far one, and between them a value linear in 1 / distance.
    return (near / (1 - depth[::-1] * (1 - near / far))).astype(np.float32)


def render_segmentation(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    *,
    scene: str,
    camera: FreeCamera | ModelCamera,
    profile: RenderProfile,
    size: Size,
) -> Int32[np.ndarray, "Y X"]:
    """As `render_image`, but the id of the geom that each pixel shows; -1: none."""
    plain = replace(profile, effects=False)  # blending or shading would change the ids
    target = _render(model, data, scene, camera, plain, size, segmented=True)
    image = np.empty((*size, 3), np.uint8)
    mujoco.mjr_readPixels(image, None, target.area, target.context)
    number = image[::-1].astype(np.int32) @ np.array([1, 1 << 8, 1 << 16], np.int32)
    shown = target.scene.geoms[: target.scene.ngeom]
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
    camera: FreeCamera | ModelCamera,
    profile: RenderProfile,
    size: Size,
    *,
    segmented: bool = False,
) -> _RenderTarget:
    """Render into the target of this scene, whose buffer is then the one to read."""
    target = _target(model, scene, profile, size)
    make_current()
    mujoco.mjv_updateScene(
        model, data, target.option, None, camera.to_mujoco(model), mujoco.mjtCatBit.mjCAT_ALL.value, target.scene
    )
    if isinstance(camera, FreeCamera):
        _set_field_of_view(target.scene, camera.fovy_deg, size[1] / size[0])
    target.scene.flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = segmented
    target.scene.flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = segmented
    # MuJoCo renders into whichever buffer is bound but reads from its own: with two targets those may differ.
    mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, target.context)
    mujoco.mjr_render(target.area, target.scene, target.context)
    return target


def _set_field_of_view(scene: mujoco.MjvScene, fovy_deg: float, aspect: float) -> None:
    """Set the frustum: a free camera takes its angle from the model, which must not change."""
    for eye in scene.camera:
        half = eye.frustum_near * np.tan(np.deg2rad(fovy_deg) / 2)
        eye.frustum_bottom, eye.frustum_top, eye.frustum_width = -half, half, half * aspect
