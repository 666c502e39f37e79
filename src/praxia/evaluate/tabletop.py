"""Benchmarks on Tabletop, one an axis: what was trained, other tasks, other scenes, another body, long chains.

Starts, scenes and instructions are a pure function of (task, split, index), the same for every body. Demonstrations
come from the same tasks' training splits; nothing of the other axes is ever trained on by the recipes.
"""

from praxia.core.types import Pace
from praxia.evaluate.benchmarks import Benchmark

__all__ = ["TRAIN"]

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
)
