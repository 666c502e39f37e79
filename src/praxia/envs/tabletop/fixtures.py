"""How each kind of fixture is built, and its dimensions. A fixture's origin is on the table, at its base."""

from collections.abc import Sequence
from typing import TypeAlias

import mujoco
import numpy as np

from praxia.envs.tabletop.scene import Fixture

__all__ = [
    "BELT_HALF_M",
    "BELT_HEIGHT_M",
    "BELT_STRIPE_M",
    "BIN_HALF_M",
    "BIN_WALL_M",
    "BUTTON_TRAVEL_M",
    "DRAWER_TRAVEL_M",
    "FOOTPRINT_M",
    "HANDLE_M",
    "KNOB_M",
    "LEVER_FOOT_M",
    "LEVER_M",
    "PLATE_HEIGHT_M",
    "PLATE_RADIUS_M",
    "SPOT_RADIUS_M",
    "SWITCH_RANGE_RAD",
    "add_fixture",
]

BIN_HALF_M, BIN_WALL_M = 0.062, 0.035
PLATE_RADIUS_M, PLATE_HEIGHT_M = 0.058, 0.008
BUTTON_TRAVEL_M = 0.012
KNOB_M = 0.044  # the top of an unpressed button
SWITCH_RANGE_RAD, LEVER_M, LEVER_FOOT_M = 0.6, 0.06, 0.016
DRAWER_TRAVEL_M = 0.07
# The middle of a closed drawer's handle, from the fixture's origin: before its front, at half its height.
HANDLE_M = (0.0, -0.105, 0.034)
SPOT_RADIUS_M, SPOT_HEIGHT_M = 0.034, 0.0015
# A belt reaches beyond both sides of the image. Its stripes are this far apart.
BELT_HALF_M, BELT_HEIGHT_M, BELT_STRIPE_M = (0.38, 0.05), 0.004, 0.06

# Half the width and half the depth of the space that each kind needs.
FOOTPRINT_M = {
    "bin": (BIN_HALF_M, BIN_HALF_M),
    "plate": (PLATE_RADIUS_M, PLATE_RADIUS_M),
    "button": (0.036, 0.036),
    "switch": (0.05, 0.03),
    "drawer": (0.062, 0.062),
    "spot": (0.0, 0.0),  # painted on the table
    "belt": BELT_HALF_M,
}

Numbers: TypeAlias = Sequence[float | int]

BOX, CYLINDER, CAPSULE = mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CYLINDER, mujoco.mjtGeom.mjGEOM_CAPSULE
DARK, PALE = (0.25, 0.25, 0.27, 1), (0.80, 0.78, 0.74, 1)


def add_fixture(spec: mujoco.MjSpec, fixture: Fixture, height_m: float) -> None:
    """Build `fixture` on a table top at `height_m`. A moving part's joint has the fixture's name."""
    base = spec.worldbody.add_body(name=fixture.name, pos=[fixture.x_m, fixture.y_m, height_m])
    _BUILDERS[fixture.kind](base, fixture)
    for part in base.bodies:  # its joint constrains its motion in the base, not contacts
        spec.add_exclude(bodyname1=base.name, bodyname2=part.name)
        if fixture.kind == "belt":
            spec.add_exclude(bodyname1=spec.worldbody.name, bodyname2=part.name)


def _box(body: mujoco.MjsBody, half: Numbers, at: Numbers, rgba: Numbers) -> None:
    body.add_geom(type=BOX, size=half, pos=at, rgba=rgba, mass=0.05, conaffinity=3)


def _bin(base: mujoco.MjsBody, fixture: Fixture) -> None:
    rgba, outer, thick, tall = (*fixture.rgb, 1), BIN_HALF_M, 0.003, BIN_WALL_M / 2
    _box(base, [outer, outer, 0.002], [0, 0, 0.002], rgba)
    for side in (-1, 1):
        _box(base, [thick, outer, tall], [side * (outer - thick), 0, tall], rgba)
        _box(base, [outer, thick, tall], [0, side * (outer - thick), tall], rgba)


def _plate(base: mujoco.MjsBody, fixture: Fixture) -> None:
    half = PLATE_HEIGHT_M / 2
    base.add_geom(
        type=CYLINDER, size=[PLATE_RADIUS_M, half, 0], pos=[0, 0, half], rgba=(*fixture.rgb, 1), conaffinity=3
    )


def _button(base: mujoco.MjsBody, fixture: Fixture) -> None:
    base.add_geom(type=CYLINDER, size=[0.036, 0.012, 0], pos=[0, 0, 0.012], rgba=DARK, conaffinity=3)
    cap = base.add_body(name=f"{fixture.name}/cap")
    cap.add_joint(
        name=fixture.name,
        type=mujoco.mjtJoint.mjJNT_SLIDE,
        axis=[0, 0, -1],
        range=[0, BUTTON_TRAVEL_M],
        limited=mujoco.mjtLimited.mjLIMITED_TRUE,
        stiffness=[250, 0, 0],
        damping=[3, 0, 0],
    )
    cap.gravcomp = 1
    cap.add_geom(
        type=CYLINDER, size=[0.026, 0.013, 0], pos=[0, 0, 0.031], rgba=(*fixture.rgb, 1), mass=0.05, conaffinity=3
    )


def _switch(base: mujoco.MjsBody, fixture: Fixture) -> None:
    """A lever that friction holds in place. It points right where its angle is positive."""
    _box(base, [0.05, 0.03, 0.008], [0, 0, 0.008], DARK)
    lever = base.add_body(name=f"{fixture.name}/lever", pos=[0, 0, LEVER_FOOT_M], gravcomp=1)
    lever.add_joint(
        name=fixture.name,
        type=mujoco.mjtJoint.mjJNT_HINGE,
        axis=[0, 1, 0],
        range=[-np.rad2deg(SWITCH_RANGE_RAD), np.rad2deg(SWITCH_RANGE_RAD)],  # joint ranges of a spec are in degrees
        limited=mujoco.mjtLimited.mjLIMITED_TRUE,
        frictionloss=0.05,
        damping=[0.02, 0, 0],
        armature=1e-3,
    )
    lever.add_geom(
        type=CAPSULE,
        fromto=[0, 0, 0.008, 0, 0, LEVER_M],
        size=[0.008, 0, 0],
        rgba=(*fixture.rgb, 1),
        mass=0.05,
        conaffinity=3,
    )


def _drawer(base: mujoco.MjsBody, fixture: Fixture) -> None:
    """A cabinet without a front, and a tray with a front and a handle that slides out of it towards the operator."""
    half, tall, thick = 0.062, 0.034, 0.004
    _box(base, [half, half, thick], [0, 0, 2 * tall - thick], PALE)
    _box(base, [half, thick, tall], [0, half - thick, tall], PALE)
    for side in (-1, 1):
        _box(base, [thick, half, tall], [side * (half - thick), 0, tall], PALE)
    tray = base.add_body(name=f"{fixture.name}/tray")
    tray.add_joint(
        name=fixture.name,
        type=mujoco.mjtJoint.mjJNT_SLIDE,
        axis=[0, -1, 0],
        range=[0, DRAWER_TRAVEL_M],
        limited=mujoco.mjtLimited.mjLIMITED_TRUE,
        frictionloss=0.8,
        damping=[3, 0, 0],
    )
    tray.gravcomp = 1
    rgba = (*fixture.rgb, 1)
    _box(tray, [half - 0.002, thick, 0.027], [0, -half - thick - 0.001, 0.031], rgba)
    _box(tray, [half - 0.012, half - 0.008, 0.002], [0, 0, 0.007], rgba)
    x, y, z = HANDLE_M
    _box(tray, [0.04, 0.004, 0.006], [x, y, z], DARK)
    for side in (-1, 1):
        _box(tray, [0.004, 0.019, 0.006], [side * 0.036, y + 0.016, z], DARK)


def _spot(base: mujoco.MjsBody, fixture: Fixture) -> None:
    """Paint, without contacts, that `motion` moves."""
    base.mocap = True
    base.add_geom(
        type=CYLINDER,
        size=[SPOT_RADIUS_M, SPOT_HEIGHT_M / 2, 0],
        pos=[0, 0, SPOT_HEIGHT_M / 2],
        rgba=(*fixture.rgb, 1),
        contype=0,
        conaffinity=0,
    )


def _belt(base: mujoco.MjsBody, fixture: Fixture) -> None:
    """A flat band along x. It is so heavy that what lies on it does not slow it down; `motion` sets its velocity."""
    band = base.add_body(name=f"{fixture.name}/band")
    band.add_joint(name=fixture.name, type=mujoco.mjtJoint.mjJNT_SLIDE, axis=[1, 0, 0])
    band.gravcomp = 1
    half_x, half_y, half_z = *BELT_HALF_M, BELT_HEIGHT_M / 2
    band.add_geom(
        type=BOX,
        size=[half_x, half_y, half_z],
        pos=[0, 0, half_z],
        rgba=(*fixture.rgb, 1),
        mass=100,
        friction=[1.0, 0.005, 0.0005],
        conaffinity=3,
    )
    for x in np.arange(-half_x + BELT_STRIPE_M / 2, half_x, BELT_STRIPE_M):
        band.add_geom(
            type=BOX,
            size=[0.004, half_y, 0.0002],
            pos=[x, 0, BELT_HEIGHT_M],
            rgba=PALE,
            mass=0,
            contype=0,
            conaffinity=0,
        )


_BUILDERS = {
    "bin": _bin,
    "plate": _plate,
    "button": _button,
    "switch": _switch,
    "drawer": _drawer,
    "spot": _spot,
    "belt": _belt,
}
