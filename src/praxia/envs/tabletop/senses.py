"""What Tabletop can tell beside images and proprioception, for whoever asks: nothing here is computed otherwise."""

from dataclasses import dataclass

import mujoco
import numpy as np
from jaxtyping import Float32, Float64, Int32

from praxia.envs.render import draw_depth, draw_segments
from praxia.envs.tabletop.env import Tabletop

__all__ = ["Contact", "contacts", "depth", "full_state", "points", "segments"]


@dataclass(frozen=True)
class Contact:
    """Two bodies that touch, where (m, world), and the force that the first exerts on the second (N, world)."""

    first: str
    second: str
    position_m: tuple[float, float, float]
    force_n: tuple[float, float, float]


def depth(env: Tabletop, camera: str) -> Float32[np.ndarray, "Y X"]:
    """The distance of every pixel from the camera's plane, in metres."""
    return draw_depth(env.model, env.data, **env.drawing(camera))


def segments(env: Tabletop, camera: str) -> tuple[Int32[np.ndarray, "Y X"], tuple[str, ...]]:
    """Of every pixel the place in the names beside it: things, fixtures, "table", "robot". -1: none of these."""
    names = (*env.reading.names, "table", "robot")
    owner = np.array([*(names.index(name) if name else -1 for name in env.reading.owners), -1], np.int32)
    owner[:-1][env.reading.is_robot] = names.index("robot")
    owner[env.model.geom("table").id] = names.index("table")
    return owner[draw_segments(env.model, env.data, **env.drawing(camera))], names


def points(env: Tabletop, camera: str) -> Float32[np.ndarray, "Y X 3"]:
    """The point in the world, in metres, that every pixel shows."""
    distance = depth(env, camera)
    size, at = len(distance), env.model.camera(camera).id
    slope = np.tan(np.deg2rad(env.model.cam_fovy[at]) / 2) * (2 * (np.arange(size) + 0.5) / size - 1)
    # A camera looks along its own -z, with x to the right and y up; rows of an image go down.
    rays = np.stack([np.tile(slope, (size, 1)), np.tile(-slope[:, None], size), -np.ones((size, size))], axis=-1)
    turned = (rays * distance[..., None]) @ env.data.cam_xmat[at].reshape(3, 3).T
    return (turned + env.data.cam_xpos[at]).astype(np.float32)


def contacts(env: Tabletop) -> list[Contact]:
    """Every contact that presses, bodies by their names in the model ("world" is the table)."""
    found, force = [], np.zeros(6)
    for at in range(env.data.ncon):
        contact = env.data.contact[at]
        mujoco.mj_contactForce(env.model, env.data, at, force)
        # Told in the contact's own frame, whose axes are the rows: the normal, from first to second, and two more.
        world = contact.frame.reshape(3, 3).T @ force[:3]
        if force[0] > 0:
            first, second = (env.model.body(env.model.geom_bodyid[geom]).name for geom in contact.geom)
            found.append(Contact(first, second, tuple(contact.pos.tolist()), tuple(world.tolist())))
    return found


def full_state(env: Tabletop) -> dict[str, Float64[np.ndarray, " _"]]:
    """Position and quaternion [7] of every loose thing, and every joint [1] of fixtures and robot, by name."""
    joints = [env.model.joint(at) for at in range(env.model.njnt)]
    names = [joint.name or env.model.body(env.model.jnt_bodyid[joint.id]).name for joint in joints]
    ends = [*env.model.jnt_qposadr[1:], env.model.nq]
    return {
        name: env.data.qpos[start:end].copy()
        for name, start, end in zip(names, env.model.jnt_qposadr, ends, strict=True)
    }
