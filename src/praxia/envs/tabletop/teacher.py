"""What an expert is told about the goal whose turn it is: the verb, and numbers; no names of the scene."""

import numpy as np

from praxia.envs.tabletop.fixtures import BIN_WALL_M, HANDLE_M, KNOB_M, LEVER_FOOT_M, LEVER_M, PLATE_HEIGHT_M
from praxia.envs.tabletop.goals import DIRECTIONS, PUSH_M, Goal, beside
from praxia.envs.tabletop.reading import Reading
from praxia.envs.tabletop.scene import Fixture, Thing
from praxia.envs.tabletop.success import Origin

__all__ = ["lesson"]


def lesson(goal: Goal, reading: Reading, origin: Origin) -> dict[str, np.ndarray]:
    """Positions and lengths in metres, in the world.

    `verb`: the goal's, as text. `subject` [3]: the centre of the thing to act on, the top of a button, the middle of a
    drawer's handle, the tip of a lever. `size` [2]: half its width and half its height. `target` [3]: where the
    subject's centre is to be (verbs that move it; elsewhere the subject itself). `direction` [2]: which way it is to
    go, 0 where no way is meant. `held`: whether it is between fingers. `table`: the height of the table top.
    """
    item = reading.scene.find(goal.subject)
    told = (
        _of_thing(goal, item, reading, origin) if isinstance(item, Thing) else _of_fixture(goal, item, reading, origin)
    )
    told["verb"] = np.array(goal.verb)
    told["table"] = np.array(reading.scene.table_height_m)
    return told


def _of_thing(goal: Goal, thing: Thing, reading: Reading, origin: Origin) -> dict[str, np.ndarray]:
    subject = reading.position(goal.subject)
    target, direction = subject.copy(), np.zeros(2)
    if goal.verb == "push" and goal.relation != "to":
        direction = np.array(DIRECTIONS[goal.relation])
        target[:2] = np.array(origin[goal.subject])[:2] + (PUSH_M + 0.01) * direction
    elif goal.verb == "push":
        target = reading.position(goal.reference)
        direction = target[:2] - subject[:2]
        direction = direction / np.linalg.norm(direction)
    elif goal.verb in ("place", "stack"):
        target = _resting_place(goal, thing, reading)
    return {
        "subject": subject,
        "size": np.array([thing.radius_m, thing.half_height_m]),
        "target": target,
        "direction": direction,
        "held": np.array(reading.is_held(goal.subject)),
    }


def _resting_place(goal: Goal, thing: Thing, reading: Reading) -> np.ndarray:
    reference, place = reading.scene.find(goal.reference), reading.position(goal.reference)
    if isinstance(reference, Fixture):
        # In a bin it may be let go of a little higher: nothing there can be pushed over.
        place[2] += thing.half_height_m + (BIN_WALL_M / 2 if goal.relation == "in" else PLATE_HEIGHT_M)
    elif goal.verb == "stack":
        place[2] += thing.half_height_m + reference.half_height_m
    else:
        place[:2] += beside(reference, thing, goal.relation)
        place[2] = reading.scene.table_height_m + thing.half_height_m
    return place


def _of_fixture(goal: Goal, fixture: Fixture, reading: Reading, origin: Origin) -> dict[str, np.ndarray]:
    foot = reading.position(goal.subject)
    moved, direction, size = np.zeros(3), np.zeros(2), np.array([0.026, 0.013])
    if fixture.kind == "button":
        moved[2] = KNOB_M - reading.joint(goal.subject)
    elif fixture.kind == "drawer":
        moved = np.array(HANDLE_M) - [0, reading.joint(goal.subject), 0]
        direction = np.array([0.0, -1.0 if goal.verb == "open" else 1.0])
        size = np.array([0.04, 0.006])
    else:
        angle = reading.joint(goal.subject)
        moved = np.array([LEVER_M * np.sin(angle), 0, LEVER_FOOT_M + LEVER_M * np.cos(angle)])
        direction = np.array([-1.0 if origin[goal.subject][0] >= 0 else 1.0, 0.0])
        size = np.array([0.008, 0.03])
    return {
        "subject": foot + moved,
        "size": size,
        "target": foot + moved,
        "direction": direction,
        "held": np.array(False),
    }
