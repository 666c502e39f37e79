"""Starts of the tasks in which time matters: a belt, jumping spots, a spot to follow. Or the same with all at rest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from praxia.envs.tabletop import palette
from praxia.envs.tabletop.goals import Goal, possible_goals
from praxia.envs.tabletop.layout import draw_scene
from praxia.envs.tabletop.motion import Belt, Jumps, Motion, Path
from praxia.envs.tabletop.scene import Fixture, Scene, Thing
from praxia.envs.tabletop.tasks import is_held_out_combination

__all__ = ["MovingStart", "draw_moving"]

SPOTS = ("spot0", "spot1")
# Fixtures that do not reach into the part of the table where things move.
COMPACT = ("bin", "plate", "button")
BELT_RGB = (0.16, 0.17, 0.19)
# Things on a belt, in its direction from the middle of the table: the named one comes from the first half.
BELT_S_M, BELT_SPEED_M_S = (-0.23, -0.12, -0.01, 0.10), (0.05, 0.09)

# Spots are this far apart, and each jumps this far.
SPOT_GAP_M, JUMP_M = 0.09, (0.11, 0.20)
EVENT_STEPS = (6, 26)
# The area of the spots, how many steps they stay, and the number of places, which is enough for 100 steps. A hand over
# the old place that starts at once is over the new one after half of the stay, and must be there for 5 steps.
REACH_X_M, REACH_Y_M, REACH_DWELL_STEPS, NUM_REACH_PLACES = (-0.20, 0.20), (-0.16, 0.0), 16, 7
REACH_WITHIN_M = (0.05, 0.09)
# To push a thing there, the hand must go around it first, and needs room on all sides.
PUSH_X_M, PUSH_Y_M, PUSH_DWELL_STEPS, NUM_PUSH_PLACES = (-0.13, 0.13), (-0.14, -0.05), 45, 4
PUSH_WITHIN_M = (0.08, 0.12)  # the hand is behind what it pushes
UNPUSHED_M = 0.06  # no spot jumps nearer to the thing as long as nobody pushes it
ASIDE_X_M, ASIDE_Y_M = 0.275, 0.0

FOLLOW_SPEED_M_S, FOLLOW_CENTRES_M = (0.08, 0.16), ((-0.12, -0.08), (0.12, -0.08))


@dataclass(frozen=True)
class MovingStart:
    """What a start of a moving task is made of: its goal and another one that is possible in the same scene."""

    scene: Scene
    motion: Motion
    goal: Goal
    other: Goal


def draw_moving(rng: np.random.Generator, task: str, *, still: bool) -> MovingStart:
    """A start of a task of `tasks.MOVING`, as in training. `still`: the same, but nothing moves by itself."""
    draw = _DRAW[task]
    start = None
    while start is None:
        start = draw(rng, draw_scene(rng))
    return _stopped(start) if still else start


def _stopped(start: MovingStart) -> MovingStart:
    """The same at rest: what is drawn does not depend on it."""
    belts = tuple(replace(belt, velocity_m_s=0.0) for belt in start.motion.belts)
    paths = tuple(replace(path, frequency_hz=(0.0, 0.0)) for path in start.motion.paths)
    goal, other = (replace(one, after_jump=False) for one in (start.goal, start.other))
    return MovingStart(start.scene, Motion(belts=belts, paths=paths), goal, other)


def _draw_belt(rng: np.random.Generator, scene: Scene) -> MovingStart | None:
    """Place a thing from the belt. None: no goal of training is possible."""
    sign, y_m = int(rng.choice((-1, 1))), _rounded(rng.uniform(-0.12, -0.08))
    places = sorted(rng.permutation(BELT_S_M)[: min(len(scene.things), int(rng.integers(3, 5)))])
    things = tuple(
        _at(thing, (sign * (s + rng.uniform(-0.01, 0.01)), y_m + rng.uniform(-0.012, 0.012)))
        for thing, s in zip(scene.things, places, strict=False)
    )
    belt = Fixture("belt", "belt", "", BELT_RGB, 0.0, y_m)
    scene = replace(scene, things=things, fixtures=(*_compact(scene), belt))
    goals = [
        goal
        for goal in possible_goals(scene, "place")
        if goal.relation in ("in", "on") and not is_held_out_combination("place", scene.find(goal.subject))
    ]
    early = [goal for goal in goals if sign * scene.find(goal.subject).x_m < 0]
    goal = early[rng.integers(len(early))] if early else None
    others = [other for other in goals if goal and other.subject != goal.subject]
    if goal is None or not others:
        return None
    speed = _rounded(sign * rng.uniform(*BELT_SPEED_M_S))
    return MovingStart(scene, Motion(belts=(Belt("belt", speed),)), goal, others[rng.integers(len(others))])


def _draw_reach(rng: np.random.Generator, scene: Scene) -> MovingStart | None:
    """Go to a spot that jumps away, and again after each stay. None: no places were found."""
    places = _draw_places(rng, REACH_X_M, REACH_Y_M, NUM_REACH_PLACES)
    if places is None:
        return None
    scene = _with_spots(rng, scene, places[0])
    jumps = _with_event(rng, Jumps(SPOTS, places, REACH_DWELL_STEPS), REACH_WITHIN_M)
    goal, other = (Goal("reach", name, after_jump=True) for name in jumps.names)
    return MovingStart(scene, Motion(jumps=(jumps,)), goal, other)


def _draw_follow(rng: np.random.Generator, scene: Scene) -> MovingStart:
    """Two spots on closed paths, left and right: keep the hand over one of them."""
    centres = [FOLLOW_CENTRES_M[at] for at in rng.permutation(2)]
    paths = tuple(_draw_path(rng, f"spot{at}", centre) for at, centre in enumerate(centres))
    scene = _with_spots(rng, scene, tuple(_pair(path.position(0)) for path in paths))
    return MovingStart(scene, Motion(paths=paths), Goal("follow", "spot0"), Goal("follow", "spot1"))


def _draw_push(rng: np.random.Generator, scene: Scene) -> MovingStart | None:
    """Push a thing that does not roll onto a spot that jumps; another is out of the way. None: too many things roll."""
    standing = [thing for thing in scene.things if thing.shape != "ball"]
    if len(standing) < 2:
        return None
    place, places = (0.0, 0.0), None
    while places is None:
        place = _pair([rng.uniform(*PUSH_X_M), rng.uniform(*PUSH_Y_M)])
        places = _draw_places(rng, PUSH_X_M, PUSH_Y_M, NUM_PUSH_PLACES, place)
    aside = (float(rng.choice((-1, 1))) * ASIDE_X_M, ASIDE_Y_M)
    things = (_at(standing[0], place), _at(standing[1], aside))
    scene = _with_spots(rng, replace(scene, things=things), places[0])
    jumps = _with_event(rng, Jumps(SPOTS, places, PUSH_DWELL_STEPS), PUSH_WITHIN_M)
    goal = Goal("push", things[0].name, "onto", SPOTS[0], after_jump=True)
    return MovingStart(scene, Motion(jumps=(jumps,)), goal, Goal("reach", SPOTS[1], after_jump=True))


_DRAW = {"belt-place": _draw_belt, "jump-reach": _draw_reach, "jump-push": _draw_push, "path-follow": _draw_follow}


def _draw_path(rng: np.random.Generator, name: str, centre: tuple[float, float]) -> Path:
    """An ellipse or a figure of eight, of the drawn mean speed."""
    amplitude = np.array([rng.uniform(0.05, 0.08), rng.uniform(0.04, 0.06)])
    ratio = np.array([1, int(rng.integers(1, 3))])
    phase = np.array([rng.uniform(-np.pi, np.pi), rng.uniform(-np.pi, np.pi)])
    path = Path(name, centre, _pair(amplitude), (0.0, 0.0), _pair(phase))
    angles = np.linspace(0, 2 * np.pi, 200)[:, None] * ratio + phase
    length_m = sum(float(np.linalg.norm(end - begin)) for begin, end in pairwise(amplitude * np.sin(angles)))
    frequency = rng.choice((-1, 1)) * ratio * rng.uniform(*FOLLOW_SPEED_M_S) / length_m
    return replace(path, frequency_hz=_pair(frequency))


def _draw_places(
    rng: np.random.Generator,
    x_m: tuple[float, float],
    y_m: tuple[float, float],
    number: int,
    thing: tuple[float, float] | None = None,
) -> tuple[tuple[tuple[float, float], ...], ...] | None:
    """Where each of `SPOTS` is after each jump: apart from the other, and as far from the last place as a jump is.

    The first spot begins as far from `thing`, and stays clear of it. None: no such places were found.
    """
    places: list[tuple[tuple[float, float], ...]] = []
    for _ in range(100 * number):
        drawn = np.stack([rng.uniform(*x_m, len(SPOTS)), rng.uniform(*y_m, len(SPOTS))], axis=1)
        jumps_m = np.linalg.norm(drawn - np.array(places[-1]), axis=1) if places else np.zeros(0)
        if thing is not None:
            apart_m = np.linalg.norm(drawn[0] - thing)
            jumps_m = jumps_m if places else np.array([apart_m])
            if apart_m < UNPUSHED_M:
                continue
        is_apart = np.linalg.norm(drawn[0] - drawn[1]) > SPOT_GAP_M
        if is_apart and all(JUMP_M[0] < jump < JUMP_M[1] for jump in jumps_m):
            places.append(tuple(_pair(place) for place in drawn))
            if len(places) == number:
                return tuple(places)
    return None


def _with_event(rng: np.random.Generator, jumps: Jumps, within_m: tuple[float, float]) -> Jumps:
    """Half of them at a step, half when the hand comes near."""
    if rng.random() < 0.5:
        return replace(jumps, at_step=int(rng.integers(*EVENT_STEPS)))
    return replace(jumps, within_m=_rounded(rng.uniform(*within_m)))


def _with_spots(rng: np.random.Generator, scene: Scene, places: tuple[tuple[float, float], ...]) -> Scene:
    """The scene with spots of different colours, at most three things, and no fixture that reaches far into it."""
    colours = rng.permutation(list(palette.COLOURS))
    spots = tuple(
        Fixture(f"spot{at}", "spot", str(colours[at]), palette.shade(str(colours[at]), rng), *place)
        for at, place in enumerate(places)
    )
    return replace(scene, things=scene.things[:3], fixtures=(*_compact(scene), *spots))


def _at(thing: Thing, place: tuple[float, float]) -> Thing:
    return replace(thing, x_m=_rounded(place[0]), y_m=_rounded(place[1]))


def _compact(scene: Scene) -> tuple[Fixture, ...]:
    return tuple(item for item in scene.fixtures if item.kind in COMPACT)


def _pair(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    x, y = (_rounded(value) for value in values)
    return x, y


def _rounded(value: float) -> float:
    """To 0.1 mm, milliradians or mHz, to be short in JSON."""
    return round(float(value), 4)
