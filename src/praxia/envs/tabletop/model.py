"""From a scene and a robot to a MuJoCo model. No meshes and always the same textures, so models share one upload."""

import mujoco
import numpy as np

from praxia.envs.tabletop.fixtures import (
    BELT_HALF_M,
    BELT_HEIGHT_M,
    DRAWER_TRAVEL_M,
    SWITCH_RANGE_RAD,
    add_fixture,
)
from praxia.envs.tabletop.palette import HELD_OUT_TABLES, TABLES, TEXTURE_PIXELS, table_texture
from praxia.envs.tabletop.robots.robot import NUM_USER_DATA, RobotModel
from praxia.envs.tabletop.scene import FrontCamera, Light, Scene, Thing

__all__ = ["FRONT", "NUM_SUBSTEPS", "build_model", "place_fixtures"]

FRONT = "front"
TIMESTEP_S, NUM_SUBSTEPS = 0.005, 10
TABLE_HALF_M = (0.42, 0.34, 0.02)
DENSITY = 250.0

GEOMS = {
    "cube": mujoco.mjtGeom.mjGEOM_BOX,
    "slab": mujoco.mjtGeom.mjGEOM_BOX,
    "ball": mujoco.mjtGeom.mjGEOM_SPHERE,
    "post": mujoco.mjtGeom.mjGEOM_CYLINDER,
    "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER,
    "puck": mujoco.mjtGeom.mjGEOM_CYLINDER,
}


def build_model(scene: Scene, robot: RobotModel) -> mujoco.MjModel:
    """The model of a scene with a robot. Equal arguments give equal models, bit for bit."""
    spec = mujoco.MjSpec()
    _settings(spec)
    _table(spec, scene)
    _light(spec, scene.light)
    _front_camera(spec, scene.camera)
    for fixture in scene.fixtures:
        add_fixture(spec, fixture, scene.table_height_m)
    for thing in scene.loose:
        _thing(spec, thing, _height_under(thing, scene))
    robot.add(spec)
    return spec.compile()


def place_fixtures(model: mujoco.MjModel, data: mujoco.MjData, scene: Scene) -> None:
    """Turn switches and open drawers as in the scene; everything else begins where the model has it."""
    for fixture in scene.fixtures:
        if fixture.kind == "switch":
            data.joint(fixture.name).qpos[0] = SWITCH_RANGE_RAD if fixture.turned else -SWITCH_RANGE_RAD
        elif fixture.kind == "drawer":
            data.joint(fixture.name).qpos[0] = DRAWER_TRAVEL_M if fixture.turned else 0.0


def _settings(spec: mujoco.MjSpec) -> None:
    spec.option.timestep = TIMESTEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    # Elliptic cones and a high ratio keep grasped objects from creeping out of the fingers.
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10
    # Contacts as stiff as the time step allows: a hand sinks into what it presses by about a millimetre.
    spec.default.geom.solref = [0.01, 1.0]
    spec.default.geom.solimp = [0.95, 0.99, 0.001, 0.5, 2.0]
    spec.nuserdata = NUM_USER_DATA
    # Round shapes of few triangles: no difference is visible at these sizes, and software rendering pays for each.
    spec.visual.quality.numslices = 16
    spec.visual.quality.numstacks = 8
    spec.stat.extent, spec.stat.center = 1.0, [0, 0, 0]
    spec.visual.map.znear, spec.visual.map.zfar = 0.01, 5.0


def _table(spec: mujoco.MjSpec, scene: Scene) -> None:
    for name in (*TABLES, *HELD_OUT_TABLES):
        texture = spec.add_texture(
            name=name, type=mujoco.mjtTexture.mjTEXTURE_2D, width=TEXTURE_PIXELS, height=TEXTURE_PIXELS, nchannel=3
        )
        texture.data = table_texture(name).tobytes()
        # Every model has every material, because the textures of materials are uploaded once for all models.
        material = spec.add_material(name=name, specular=0.1, texrepeat=[2, 2])
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    spec.worldbody.add_geom(
        name="table",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=TABLE_HALF_M,
        pos=[0, 0, scene.table_height_m - TABLE_HALF_M[2]],
        material=scene.table,
        friction=[1.0, 0.005, 0.0005],
        conaffinity=3,
    )
    spec.worldbody.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[3, 3, 0.01],
        pos=[0, 0, -0.5],
        rgba=(0.52, 0.54, 0.56, 1),
        contype=0,
        conaffinity=0,
    )


def _light(spec: mujoco.MjSpec, light: Light) -> None:
    spec.visual.headlight.ambient = [light.ambient] * 3
    spec.visual.headlight.diffuse = [0.15] * 3
    spec.visual.headlight.specular = [0.0] * 3
    spec.worldbody.add_light(
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        pos=[0, 0, 1.5],
        dir=[-value for value in light.direction],
        diffuse=light.rgb,
        specular=[0.1] * 3,
    )


def _front_camera(spec: mujoco.MjSpec, camera: FrontCamera) -> None:
    back = np.subtract(camera.position_m, camera.target_m)
    back = back / np.linalg.norm(back)
    right = np.cross([0.0, 0.0, 1.0], back)
    right = right / np.linalg.norm(right)
    up = np.cross(back, right)
    spec.worldbody.add_camera(name=FRONT, pos=camera.position_m, xyaxes=[*right, *up], fovy=camera.fovy_deg)


def _height_under(thing: Thing, scene: Scene) -> float:
    """The height of the table, or of the belt on it, where the thing begins."""
    belts = [item for item in scene.fixtures if item.kind == "belt"]
    is_on_belt = any(abs(thing.y_m - belt.y_m) < BELT_HALF_M[1] for belt in belts)
    return scene.table_height_m + (BELT_HEIGHT_M if is_on_belt else 0.0)


def _thing(spec: mujoco.MjSpec, thing: Thing, height_m: float) -> None:
    body = spec.worldbody.add_body(
        name=thing.name,
        pos=[thing.x_m, thing.y_m, height_m + thing.half_height_m],
        quat=[np.cos(thing.yaw_rad / 2), 0, 0, np.sin(thing.yaw_rad / 2)],
    )
    body.add_freejoint()
    body.add_geom(
        name=thing.name,
        type=GEOMS[thing.shape],
        size=_geom_size(thing),
        rgba=(*thing.rgb, 1),
        density=DENSITY,
        condim=6,
        # Torsional and rolling friction, in metres: enough to stop a pushed ball within a hand's breadth.
        friction=[1.0, 0.01, 0.004],
        conaffinity=3,
    )


def _geom_size(thing: Thing) -> list[float]:
    radius, half_height = thing.radius_m, thing.half_height_m
    if thing.shape in ("cylinder", "puck"):
        return [radius, half_height, 0.0]
    if thing.shape == "post":
        return [radius / 2, half_height, 0.0]
    if thing.shape == "slab":
        return [radius, radius / 2, half_height]
    return [radius, radius, half_height]
