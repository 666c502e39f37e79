"""The state of a simulated scene, by the names of its things and fixtures."""

from collections.abc import Mapping

import mujoco
import numpy as np
from jaxtyping import Float64

from praxia.envs.tabletop.robots.robot import GRIP, ROBOT_CONTYPE
from praxia.envs.tabletop.scene import Scene

__all__ = ["SceneState"]


class SceneState:
    """A view of one model and its data, which change as the simulation runs. Positions are in metres in the world.

    `names` are all things and fixtures, `owners` the name that each geom belongs to ("": none), `is_robot` which geoms
    are the robot's.
    """

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, scene: Scene):
        self.scene = scene
        self._data = data
        self._bodies = {item.name: model.body(item.name).id for item in (*scene.loose, *scene.fixtures)}
        self._dofs = {thing.name: model.body(thing.name).dofadr[0] for thing in scene.loose}
        self._joints = {
            item.name: model.joint(item.name).qposadr[0]
            for item in scene.fixtures
            if item.kind in ("button", "switch", "drawer")
        }
        self._grip = model.site(GRIP).id
        names: Mapping[int, str] = {body: name for name, body in self._bodies.items()}
        self.names = tuple(self._bodies)
        self.owners = [names.get(int(model.body_rootid[body]), "") for body in model.geom_bodyid]
        self.is_robot = np.equal(model.geom_contype, ROBOT_CONTYPE)
        fingers = [geom for geom in range(model.ngeom) if model.geom(geom).name.startswith("finger")]
        self._finger_body = {geom: int(model.geom_bodyid[geom]) for geom in fingers}

    def position(self, name: str) -> Float64[np.ndarray, "3"]:
        """The centre of a thing; the base of a fixture."""
        return self._data.xpos[self._bodies[name]].copy()

    def grip(self) -> Float64[np.ndarray, "3"]:
        """The point between the fingertips."""
        return self._data.site_xpos[self._grip].copy()

    def speed(self, name: str) -> float:
        """A thing's speed in m/s."""
        first = self._dofs[name]
        return float(np.linalg.norm(self._data.qvel[first : first + 3]))

    def joint(self, name: str) -> float:
        """How far a button is pressed or a drawer is open, in m; a switch's angle in radians, positive to the right."""
        return float(self._data.qpos[self._joints[name]])

    def touched(self) -> dict[str, set[int]]:
        """What the robot touches, by name, and with which of its fingers (none: with another part)."""
        found: dict[str, set[int]] = {}
        for one, other in self._data.contact.geom[: self._data.ncon]:
            for robot, item in ((one, other), (other, one)):
                if self.is_robot[robot] and self.owners[item]:
                    fingers = found.setdefault(self.owners[item], set())
                    if robot in self._finger_body:
                        fingers.add(self._finger_body[robot])
        return found

    def is_grasped(self, name: str) -> bool:
        """Whether at least two fingers touch the thing."""
        return len(self.touched().get(name, ())) >= 2
