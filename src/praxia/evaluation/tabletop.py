"""Benchmarks on Tabletop, one per axis of generalisation: trained tasks, other tasks, other scenes, another embodiment,
long chains; and two where time matters or not.

Starts, scenes and instructions are a pure function of (task, split, index) and the same for every embodiment.
Demonstrations come from the training splits of the trained tasks. The recipes never train on the other axes.
"""

from dataclasses import replace

from praxia.core.types import ChunkExecution
from praxia.envs.tabletop import tasks
from praxia.envs.tabletop.tasks import CHAINS, INSTRUCTIONS, SCENE_FACTORS, TASK_FACTORS, TRAINED, UNTRAINED
from praxia.evaluation.benchmarks import Benchmark

__all__ = ["EMBODIMENT", "HEADS", "LONG", "MOVING", "SCENE", "STILL", "TASK", "TRAIN"]

TRAIN = Benchmark(
    name="tabletop/train",
    summary="five trained tasks of the gantry in unseen scenes like those of training",
    env="tabletop-gantry",
    tasks=TRAINED,
    # The expert needs 12 to 52 steps, and more where failures were injected.
    horizon=100,
    execution=ChunkExecution(execution_horizon=4),
    cameras=("front", "wrist"),
    size=64,
    profile="fast",
    state="hand position and gripper opening",
    metric="ever",
    axis="train",
)


def _held_out(factors: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """For each factor, the tasks in which it is held out."""
    tasks = {factor: [f"{verb}-{factor}" for verb in TRAINED] for factor in factors}
    return {factor: tuple(task for task in names if task in INSTRUCTIONS) for factor, names in tasks.items()}


def _all(groups: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(task for tasks in groups.values() for task in tasks)


_TASK_GROUPS = {
    **_held_out(TASK_FACTORS),
    "relations": tuple(task for task in UNTRAINED if "-" in task),
    "verbs": tuple(task for task in UNTRAINED if "-" not in task),
}
_SCENE_GROUPS = _held_out(SCENE_FACTORS)

TASK = replace(
    TRAIN,
    name="tabletop/task",
    summary="known kinds of scenes, but new tasks: combinations, phrasings, references, relations, verbs",
    tasks=_all(_TASK_GROUPS),
    axis="task",
    groups=_TASK_GROUPS,
)

SCENE = replace(
    TRAIN,
    name="tabletop/scene",
    summary="trained tasks in scenes that look different: colours, textures, lights, cameras, and more",
    tasks=_all(_SCENE_GROUPS),
    axis="scene",
    groups=_SCENE_GROUPS,
)

EMBODIMENT = replace(
    TRAIN,
    name="tabletop/embodiment",
    summary="the trained tasks, scenes and starts with another robot: an arm of seven joints with jaws",
    env="tabletop-arm7",
    axis="embodiment",
)

LONG = replace(
    TRAIN,
    name="tabletop/long",
    summary="chains of two to five trained tasks; the progress column is the share of them that was done",
    tasks=CHAINS,
    # The expert needs 28 steps per task on average and 200 for the longest chain.
    horizon=400,
    axis="long",
)

HEADS = replace(
    TRAIN,
    name="tabletop/heads",
    summary="touch the named object, press the named button: two trained tasks, to compare heads in minutes",
    tasks=("touch", "press"),
    axis="",
)

MOVING = replace(
    TRAIN,
    name="tabletop/moving",
    summary="time matters: things on a belt, spots that jump, spots to follow; `tabletop/still` is the same at rest",
    tasks=tasks.MOVING,
    axis="",
    groups={"belt": ("belt-place",), "jump": ("jump-reach", "jump-push"), "path": ("path-follow",)},
)

STILL = replace(
    MOVING,
    name="tabletop/still",
    summary="scenes, instructions and tolerances of `tabletop/moving`, but nothing moves by itself",
    tasks=tasks.STILL,
    groups={group: tuple(f"{task}-still" for task in of) for group, of in MOVING.groups.items()},
)
