"""What is true of a scene while it is simulated, by the names that the scene gives to things."""

from collections.abc import Mapping

import mujoco
import numpy as np
from jaxtyping import Float64

from praxia.envs.tabletop.robots.robot import ROBOT_CONTYPE
from praxia.envs.tabletop.scene import Scene

__all__ = ["Reading"]


class Reading:
    """Questions to one model and its data, which keep changing under it. Positions are in metres in the world.

    `names` are all things and fixtures, `owners` which of them each geom is part of ("": none), `is_robot` which geoms
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
        names: Mapping[int, str] = {body: name for name, body in self._bodies.items()}
        self.names = tuple(self._bodies)
        self.owners = [names.get(int(model.body_rootid[body]), "") for body in model.geom_bodyid]
        self.is_robot = np.equal(model.geom_contype, ROBOT_CONTYPE)
        fingers = [geom for geom in range(model.ngeom) if model.geom(geom).name.startswith("finger")]
        self._finger_body = {geom: int(model.geom_bodyid[geom]) for geom in fingers}

    def position(self, name: str) -> Float64[np.ndarray, "3"]:
        """The centre of a thing; the foot of a fixture."""
        return self._data.xpos[self._bodies[name]].copy()

    def speed(self, name: str) -> float:
        """Of a thing, in m/s."""
        at = self._dofs[name]
        return float(np.linalg.norm(self._data.qvel[at : at + 3]))

    def joint(self, name: str) -> float:
        """How far a button is pressed or a drawer open, in m; a switch's angle in radians, positive to the right."""
        return float(self._data.qpos[self._joints[name]])

    def touched(self) -> dict[str, set[int]]:
        """What the robot touches now, by name, and with which of its fingers (none: with another part)."""
        found: dict[str, set[int]] = {}
        for one, other in self._data.contact.geom[: self._data.ncon]:
            for mine, its in ((one, other), (other, one)):
                if self.is_robot[mine] and self.owners[its]:
                    fingers = found.setdefault(self.owners[its], set())
                    if mine in self._finger_body:
                        fingers.add(self._finger_body[mine])
        return found

    def is_held(self, name: str) -> bool:
        """Whether at least two fingers touch it."""
        return len(self.touched().get(name, ())) >= 2
