"""Starts: a scene, its goals, the instruction, and another instruction for the same scene."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from praxia.core.keys import generator
from praxia.core.types import Start
from praxia.envs.tabletop.goals import SIDES, Goal, possible_goals
from praxia.envs.tabletop.language import relations_to, write_instruction
from praxia.envs.tabletop.layout import draw_scene
from praxia.envs.tabletop.moving import draw_moving
from praxia.envs.tabletop.scene import Scene
from praxia.envs.tabletop.tasks import (
    MOVING,
    RELATIONS,
    SCENE_FACTORS,
    STILL,
    TRAINED,
    is_held_out_combination,
    short_name,
)

__all__ = ["draw_start", "other_instruction", "twin_start"]

# The fixture that a verb needs; a bin and a button are always there.
REQUIRED_FIXTURE = {"open": "drawer", "close": "drawer", "flip": "switch"}

# Trained verbs whose goals stay possible after any others of these were reached. (A push may block another goal, and a
# picked thing is still in the hand.)
CHAINED = ("touch", "press", "place")


@lru_cache(maxsize=8192)
def draw_start(env: str, task: str, split: str, index: int) -> Start:
    """Start `index` of a task's split, such as "test" or "train-0", for the environments `env`.

    A pure function of (task, split, index): all robots get the same scenes and instructions. Scenes do not depend on
    the verb, except for the fixture that it needs, so that the image does not reveal the task.
    """
    if task in (*MOVING, *STILL):
        return _draw_moving_start(env, task, split, index)
    rng = generator("tabletop", short_name(task), split, index)
    kind, _, factor = task.partition("-")
    while True:
        scene = draw_scene(
            rng,
            held_out=factor if factor in SCENE_FACTORS else "",
            fixture="" if kind == "chain" else REQUIRED_FIXTURE.get(kind, ""),
        )
        goals = _chain(rng, scene, int(factor)) if kind == "chain" else _single(rng, scene, kind, factor)
        other = _other(rng, scene, goals)
        if goals and other:
            break
    text = write_instruction(goals, scene, rng, held_out=factor == "phrasings", related=factor == "references")
    payload = {
        "scene": scene.to_json(),
        "goals": [goal.to_json() for goal in goals],
        "instruction": text,
        "other": {"goals": [other[0].to_json()], "instruction": write_instruction(other, scene, rng)},
    }
    return Start(env, task, payload)


def _draw_moving_start(env: str, task: str, split: str, index: int) -> Start:
    """A task at rest has the scenes, places and instructions of the task that moves."""
    moving = task.removesuffix("-still")
    rng = generator("tabletop", moving, split, index)
    drawn = draw_moving(rng, moving, still=task in STILL)
    payload = {
        "scene": drawn.scene.to_json(),
        "motion": drawn.motion.to_json(),
        "goals": [drawn.goal.to_json()],
        "instruction": write_instruction([drawn.goal], drawn.scene, rng),
        "other": {
            "goals": [drawn.other.to_json()],
            "instruction": write_instruction([drawn.other], drawn.scene, rng),
        },
    }
    return Start(env, task, payload)


def twin_start(start: Start) -> Start:
    """Another start of the same task: a pure function of `start`."""
    return draw_start(start.env, start.task, f"twin-{start.key}", 0)


def other_instruction(start: Start) -> str:
    """Another instruction for the start's scene: a goal of a trained verb with another subject."""
    return start.payload["other"]["instruction"]


def _single(rng: np.random.Generator, scene: Scene, verb: str, factor: str) -> list[Goal]:
    """One goal of the verb, or none if the scene has none."""
    goals = [
        goal
        for goal in possible_goals(scene, verb)
        if is_held_out_combination(verb, scene.find(goal.subject)) == (factor == "combinations")
        and _relates_things(goal) == (factor in RELATIONS)
    ]
    goal = _choose(rng, goals)
    if goal is None or (factor == "references" and not relations_to(goal.subject, scene)):
        return []
    return [goal]


def _choose(rng: np.random.Generator, goals: Sequence[Goal]) -> Goal | None:
    """One of the goals: first a kind of relation by weight, then any goal of that kind."""
    kinds: dict[str, list[Goal]] = {}
    for goal in goals:
        kinds.setdefault(_kind(goal), []).append(goal)
    if not kinds:
        return None
    weights = np.array([WEIGHTS.get(kind, 1.0) for kind in kinds])
    chosen = list(kinds.values())[rng.choice(len(kinds), p=weights / weights.sum())]
    return chosen[rng.integers(len(chosen))]


# A plate is not in every scene; without one, bins get its weight too.
WEIGHTS = {"in": 0.6, "on": 0.4}


def _kind(goal: Goal) -> str:
    return goal.relation if goal.verb == "place" else goal.verb


def _relates_things(goal: Goal) -> bool:
    """Whether the goal relates two things, and not one and a direction or a fixture."""
    return goal.relation == "to" or goal.relation in SIDES


def _chain(rng: np.random.Generator, scene: Scene, length: int) -> list[Goal]:
    """Goals with different subjects and references, or none if the scene has too few."""
    goals: list[Goal] = []
    taken: set[str] = set()
    for verb in rng.permutation(CHAINED * 4):
        possible = [goal for goal in _trained_goals(scene, str(verb)) if not taken & {goal.subject, goal.reference}]
        goal = _choose(rng, possible)
        if goal is not None and len(goals) < length:
            goals.append(goal)
            taken |= {goal.subject, goal.reference} - {""}
    return goals if len(goals) == length else []


def _other(rng: np.random.Generator, scene: Scene, goals: Sequence[Goal]) -> list[Goal]:
    """A trained goal whose subject does not occur in `goals`."""
    mentioned = {goal.subject for goal in goals} | {goal.reference for goal in goals}
    verb = str(rng.choice(TRAINED))
    goal = _choose(rng, [goal for goal in _trained_goals(scene, verb) if goal.subject not in mentioned])
    return [goal] if goal else []


def _trained_goals(scene: Scene, verb: str) -> list[Goal]:
    """The possible goals of a verb as in training: no held-out combination, no two things related."""
    return [
        goal
        for goal in possible_goals(scene, verb)
        if not is_held_out_combination(verb, scene.find(goal.subject)) and not _relates_things(goal)
    ]
