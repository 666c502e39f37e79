"""Sensors of Tabletop beside cameras and proprioception, computed only on request."""

from dataclasses import dataclass

import mujoco
import numpy as np
from jaxtyping import Float32, Float64, Int32

from praxia.envs.render import render_depth, render_segmentation
from praxia.envs.tabletop.env import Tabletop

__all__ = ["Contact", "contacts", "depth", "full_state", "point_cloud", "segmentation"]


@dataclass(frozen=True)
class Contact:
    """Two bodies in contact, the position (m, world), and the force of the first on the second (N, world)."""

    first: str
    second: str
    position_m: tuple[float, float, float]
    force_n: tuple[float, float, float]


def depth(env: Tabletop, camera: str) -> Float32[np.ndarray, "Y X"]:
    """The distance of each pixel from the camera's plane, in metres."""
    return render_depth(env.model, env.data, **env.render_options(camera))


def segmentation(env: Tabletop, camera: str) -> tuple[Int32[np.ndarray, "Y X"], tuple[str, ...]]:
    """Each pixel's index into the returned names: things, fixtures, "table", "robot". -1: none of these."""
    names = (*env.state.names, "table", "robot")
    owner = np.array([*(names.index(name) if name else -1 for name in env.state.owners), -1], np.int32)
    owner[:-1][env.state.is_robot] = names.index("robot")
    owner[env.model.geom("table").id] = names.index("table")
    return owner[render_segmentation(env.model, env.data, **env.render_options(camera))], names


def point_cloud(env: Tabletop, camera: str) -> Float32[np.ndarray, "Y X 3"]:
    """The point in the world, in metres, that each pixel shows."""
    distance = depth(env, camera)
    (height, width), number = distance.shape, env.model.camera(camera).id
    edge = np.tan(np.deg2rad(env.model.cam_fovy[number]) / 2)
    across, up = (edge * (2 * (np.arange(size) + 0.5) / size - 1) for size in (width, height))
    across *= width / height
    # A camera looks along its own -z, with x to the right and y up; rows of an image go down.
    rays = np.stack([np.tile(across, (height, 1)), np.tile(-up[:, None], width), -np.ones(distance.shape)], axis=-1)
    turned = (rays * distance[..., None]) @ env.data.cam_xmat[number].reshape(3, 3).T
    return (turned + env.data.cam_xpos[number]).astype(np.float32)


def contacts(env: Tabletop) -> list[Contact]:
    """All contacts with a normal force, by the bodies' names in the model ("world" is the table)."""
    found, force = [], np.zeros(6)
    for index in range(env.data.ncon):
        contact = env.data.contact[index]
        mujoco.mj_contactForce(env.model, env.data, index, force)
        # The contact's own frame has its axes as rows: the normal, from first to second, and two more.
        world = contact.frame.reshape(3, 3).T @ force[:3]
        if force[0] > 0:
            first, second = (env.model.body(env.model.geom_bodyid[geom]).name for geom in contact.geom)
            found.append(Contact(first, second, tuple(contact.pos.tolist()), tuple(world.tolist())))
    return found


def full_state(env: Tabletop) -> dict[str, Float64[np.ndarray, " _"]]:
    """Position and quaternion [7] of every loose thing, and every joint [1] of fixtures and robot, by name."""
    joints = [env.model.joint(index) for index in range(env.model.njnt)]
    names = [joint.name or env.model.body(env.model.jnt_bodyid[joint.id]).name for joint in joints]
    ends = [*env.model.jnt_qposadr[1:], env.model.nq]
    return {
        name: env.data.qpos[start:end].copy()
        for name, start, end in zip(names, env.model.jnt_qposadr, ends, strict=True)
    }
