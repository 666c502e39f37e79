"""Against trajectories whose length and third derivative are known in closed form."""

from dataclasses import replace

import numpy as np
import pytest

from praxia.core.embodiment import Embodiment, Field
from praxia.results.motion import Motion, motion

HZ = 50.0
GRIPPER = Field("gripper", 1, "gripper", "1", low=-1.0, high=1.0)


def embodiment(*fields: Field) -> Embodiment:
    return Embodiment("probe", (), fields, (), HZ)


def commanded(way: np.ndarray, kind: str) -> np.ndarray:
    """The actions of that kind, and a gripper that rattles, which lead along `way` [T + 1, D]."""
    steps = np.diff(way, axis=0)
    actions = {"position": way, "delta": steps, "velocity": steps * HZ}[kind]
    rattle = np.where(np.arange(len(actions)) % 2, 1.0, -1.0)
    return np.column_stack([actions, rattle]).astype(np.float32)


def embodiment_of(kind) -> Embodiment:
    return embodiment(Field("hand", 2, kind, {"velocity": "m/s"}.get(kind, "m"), low=-100.0, high=100.0), GRIPPER)


@pytest.mark.parametrize("kind", ["position", "delta", "velocity"])
def test_a_cubic_has_a_constant_jerk_and_its_own_length(kind: str):
    """x = t^3 and y = 2 t^3 over 2 s: third derivatives 6 and 12, a straight way of 8 sqrt(5)."""
    t = np.arange(0, 101) / HZ
    found = motion(commanded(np.column_stack([t**3, 2 * t**3]), kind), embodiment_of(kind))
    assert found.path_length == pytest.approx(8 * np.sqrt(5), rel=1e-5)
    # Third differences of float32 actions: 1e-7 of 16 m, times 50^3, is a noise of a few per mille.
    assert found.jerk == pytest.approx(np.hypot(6, 12), rel=2e-2 if kind == "position" else 1e-3)


@pytest.mark.parametrize("kind", ["position", "delta", "velocity"])
def test_a_circle_has_its_circumference_and_the_jerk_of_its_frequency(kind: str):
    """Radius 0.3 m at w = 4 rad/s: length 0.3 w t, jerk 0.3 w^3. A polygon is shorter by (w dt)^2 / 24 of it."""
    t, w = np.arange(0, 501) / HZ, 4.0
    found = motion(commanded(0.3 * np.column_stack([np.cos(w * t), np.sin(w * t)]), kind), embodiment_of(kind))
    assert found.path_length == pytest.approx(0.3 * w * t[-1], rel=5e-4)
    assert found.jerk == pytest.approx(0.3 * w**3, rel=5e-3)


def test_what_the_driver_clips_moves_nothing():
    delta = embodiment(Field("hand", 1, "delta", "cm", low=-1.0, high=1.0))
    assert motion(np.array([[3.0], [-2.0], [0.5]], np.float32), delta).path_length == pytest.approx(1 + 1 + 0.5)


def test_too_few_steps_and_embodiments_whose_way_has_no_unit_have_none():
    for kind, paths, jerks in (("position", 2, 4), ("delta", 1, 3)):
        for steps in range(6):
            found = motion(np.ones((steps, 3), np.float32), embodiment_of(kind))
            assert (found.path_length is None, found.jerk is None) == (steps < paths, steps < jerks), (kind, steps)
    actions, turn = np.ones((9, 3), np.float32), Field("turn", 1, "delta", "rad")
    for fields in (
        (Field("joints", 3, "torque", "Nm"),),
        (replace(turn, size=2, unit="m"), turn),
        (GRIPPER, GRIPPER, GRIPPER),
    ):
        assert motion(actions, embodiment(*fields)) == Motion(None, None)


def test_fields_of_one_unit_make_one_way():
    left, right = (Field(name, 1, "delta", "m") for name in ("left", "right"))
    actions = np.array([[3.0, 9.0, 4.0]] * 4, np.float32)
    assert motion(actions, embodiment(left, GRIPPER, right)).path_length == pytest.approx(4 * 5.0)
