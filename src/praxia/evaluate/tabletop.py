"""Benchmarks on Tabletop, one an axis: what was trained, other tasks, other scenes, another body, long chains.

Starts, scenes and instructions are a pure function of (task, split, index), the same for every body. Demonstrations
come from the same tasks' training splits; nothing of the other axes is ever trained on by the recipes.
"""

from dataclasses import replace

from praxia.core.types import Pace
from praxia.evaluate.benchmarks import Benchmark

__all__ = ["BODY", "LONG", "SCENE", "TASK", "TRAIN"]

TRAINED = ("touch", "push", "press", "pick", "place")

TRAIN = Benchmark(
    name="tabletop/train",
    summary="five trained tasks of the gantry in unseen scenes like those of training",
    env="tabletop-gantry",
    tasks=TRAINED,
    # The expert needs 12 to 52 steps, and more where it was disturbed.
    horizon=100,
    pace=Pace(executed_steps=4),
    cameras=("front", "wrist"),
    size=64,
    profile="fast",
    state="hand position and gripper opening",
    metric="ever",
    axis="train",
)


def _held_out(factors: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """By factor, the trained verbs where it is held out. (Buttons need no relation to be told apart.)"""
    return {
        factor: tuple(f"{verb}-{factor}" for verb in TRAINED if (verb, factor) != ("press", "references"))
        for factor in factors
    }


def _all(groups: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(task for tasks in groups.values() for task in tasks)


_TASK_GROUPS = {
    **_held_out(("combinations", "phrasings", "references")),
    "relations": ("push-to", "place-beside"),
    "verbs": ("stack", "open", "close", "flip"),
}
_SCENE_GROUPS = _held_out(("colours", "textures", "lights", "cameras", "heights", "distractors"))

TASK = replace(
    TRAIN,
    name="tabletop/task",
    summary="known kinds of scenes, but other things to do: combinations, phrasings, references, relations, verbs",
    tasks=_all(_TASK_GROUPS),
    axis="task",
    groups=_TASK_GROUPS,
)

SCENE = replace(
    TRAIN,
    name="tabletop/scene",
    summary="trained things to do where something looks different: colours, textures, lights, cameras, and more",
    tasks=_all(_SCENE_GROUPS),
    axis="scene",
    groups=_SCENE_GROUPS,
)

BODY = replace(
    TRAIN,
    name="tabletop/body",
    summary="the trained tasks, scenes and starts with another robot: an arm of seven joints and three fingers",
    env="tabletop-arm7",
    axis="body",
)

LONG = replace(
    TRAIN,
    name="tabletop/long",
    summary="chains of two to five parts; the progress column says how many of them were done",
    tasks=("chain-2", "chain-3", "chain-4", "chain-5"),
    # The expert needs 28 steps a part on average and 200 for the longest chain.
    horizon=400,
    axis="long",
)
