"""A Cartesian gantry with a parallel gripper: three slides, no inverse kinematics."""

from collections.abc import Mapping
from dataclasses import dataclass

import mujoco
import numpy as np
from jaxtyping import Float32

from praxia.core.types import Camera, Embodiment, Field
from praxia.envs.tabletop.bodies.body import (
    CONTROL_HZ,
    GRIP,
    MAX_STEP_CM,
    ROBOT_CONAFFINITY,
    ROBOT_CONTYPE,
    WORKSPACE_HIGH_M,
    WORKSPACE_LOW_M,
    WRIST,
)

__all__ = ["GANTRY", "Gantry"]

AXES = ("gantry_x", "gantry_y", "gantry_z")
FINGERS = ("finger_left", "finger_right")
HOME_M = (0.0, 0.05, 0.22)

# How far each finger slides outwards from closed, and how far the commanded hand may lead the real one.
FINGER_TRAVEL_M = 0.042
LEASH_M = 0.04

# The servo of an axis: 1.2 kg of hand at 3,000 N/m is critically damped at 120 N s/m; it follows within a control step.
AXIS_KP, AXIS_KV, AXIS_FORCE_N = 3000.0, 130.0, 60.0
FINGER_KP, FINGER_KV, FINGER_FORCE_N = 800.0, 20.0, 15.0

DARK, STEEL, RUBBER = (0.22, 0.23, 0.26, 1), (0.62, 0.64, 0.68, 1), (0.12, 0.12, 0.13, 1)


@dataclass(frozen=True)
class Gantry:
    """See the module. The grip point is 5 mm above the fingertips' ends; the fingers close along x."""

    name: str = "tabletop-gantry"

    def embodiment(self, size: int) -> Embodiment:
        """The hand is moved in space without rotation; the gripper's action is its target, closed where 1."""
        return Embodiment(
            name=self.name,
            state=(
                Field("hand", 3, "position", "m", frame="world"),
                Field("gripper", 1, "gripper", "1", low=0.0, high=1.0),
            ),
            action=(
                Field("hand", 3, "delta", "cm", frame="world", low=-MAX_STEP_CM, high=MAX_STEP_CM),
                Field("gripper", 1, "gripper", "1", low=-1.0, high=1.0),
            ),
            cameras=(Camera("front", size, size), Camera("wrist", size, size)),
            control_hz=CONTROL_HZ,
        )

    def add(self, spec: mujoco.MjSpec) -> None:
        carriage = spec.worldbody
        for at, axis in enumerate(AXES):
            carriage = carriage.add_body(name=axis, gravcomp=1)
            along = [0.0, 0.0, 0.0]
            along[at] = 1.0
            carriage.add_joint(name=axis, type=mujoco.mjtJoint.mjJNT_SLIDE, axis=along, armature=0.1)
            if at < 2:
                carriage.mass, carriage.ipos, carriage.inertia = 0.1, [0, 0, 0], [1e-4] * 3
                carriage.explicitinertial = True
            _servo(spec, axis, AXIS_KP, AXIS_KV, AXIS_FORCE_N)
        _hand(carriage)
        for name, side in zip(FINGERS, (-1.0, 1.0), strict=True):
            finger = carriage.add_body(name=name, pos=[side * 0.006, 0, 0.02], gravcomp=1)
            finger.add_joint(
                name=name,
                type=mujoco.mjtJoint.mjJNT_SLIDE,
                axis=[side, 0, 0],
                range=[0, FINGER_TRAVEL_M],
                limited=mujoco.mjtLimited.mjLIMITED_TRUE,
                armature=0.05,
            )
            finger.add_geom(
                name=name,
                type=mujoco.mjtGeom.mjGEOM_BOX,
                size=[0.006, 0.010, 0.025],
                rgba=RUBBER,
                mass=0.03,
                friction=[2.0, 0.05, 0.001],
                condim=4,
                contype=ROBOT_CONTYPE,
                conaffinity=ROBOT_CONAFFINITY,
            )
            _servo(spec, name, FINGER_KP, FINGER_KV, FINGER_FORCE_N)

    def bind(self, model: mujoco.MjModel) -> "GantryControls":
        return GantryControls(model)


class GantryControls:
    """See `body.Controls`. The commanded place is the axes' own targets."""

    def __init__(self, model: mujoco.MjModel):
        self._model = model
        self._axes = [model.joint(name).qposadr[0] for name in AXES]
        self._fingers = [model.joint(name).qposadr[0] for name in FINGERS]
        self._axis_ctrl = [model.actuator(name).id for name in AXES]
        self._finger_ctrl = [model.actuator(name).id for name in FINGERS]
        self._grip = model.site(GRIP).id

    def home(self, data: mujoco.MjData) -> None:
        data.qpos[self._axes] = data.ctrl[self._axis_ctrl] = HOME_M
        data.qpos[self._fingers] = data.ctrl[self._finger_ctrl] = FINGER_TRAVEL_M

    def command(self, data: mujoco.MjData, action: Float32[np.ndarray, " 4"]) -> None:
        now = data.qpos[self._axes]
        place = data.ctrl[self._axis_ctrl] + action[:3].astype(np.float64) / 100
        place = np.clip(place, now - LEASH_M, now + LEASH_M)
        data.ctrl[self._axis_ctrl] = np.clip(place, WORKSPACE_LOW_M, WORKSPACE_HIGH_M)
        data.ctrl[self._finger_ctrl] = FINGER_TRAVEL_M * (1 - float(action[3])) / 2

    def state(self, data: mujoco.MjData) -> Float32[np.ndarray, " 4"]:
        return np.array([*data.site_xpos[self._grip], self._opening(data)], np.float32)

    def privileged(self, data: mujoco.MjData) -> Mapping[str, np.ndarray]:
        return {"grip": data.site_xpos[self._grip].copy(), "opening": np.array(self._opening(data))}

    def _opening(self, data: mujoco.MjData) -> float:
        return float(np.clip(data.qpos[self._fingers].mean() / FINGER_TRAVEL_M, 0, 1))


def _servo(spec: mujoco.MjSpec, joint: str, kp: float, kv: float, force_n: float) -> None:
    actuator = spec.add_actuator(
        name=joint, target=joint, trntype=mujoco.mjtTrn.mjTRN_JOINT, forcerange=[-force_n, force_n]
    )
    actuator.set_to_position(kp=kp, kv=kv)
    actuator.forcelimited = mujoco.mjtLimited.mjLIMITED_TRUE


def _hand(carriage: mujoco.MjsBody) -> None:
    """The palm, a rod to the beam above, the grip point and the camera. The body's origin is the grip point."""
    solid = {"contype": ROBOT_CONTYPE, "conaffinity": ROBOT_CONAFFINITY}
    box, cylinder = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CYLINDER
    carriage.add_site(name=GRIP, pos=[0, 0, 0], group=5)
    carriage.add_geom(
        name="palm", type=box, size=[0.058, 0.016, 0.014], pos=[0, 0, 0.059], rgba=STEEL, mass=0.8, **solid
    )
    carriage.add_geom(name="rod", type=cylinder, size=[0.012, 0.15, 0], pos=[0, 0, 0.22], rgba=DARK, mass=0.3, **solid)
    # On the operator's side, tilted away from him: it sees the fingertips and the table around them.
    carriage.add_camera(name=WRIST, pos=[0, -0.085, 0.085], xyaxes=[1, 0, 0, 0, 0.80, 0.60], fovy=66)


GANTRY = Gantry()
