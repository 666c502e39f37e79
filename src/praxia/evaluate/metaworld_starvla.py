"""Benchmarks on Meta-World as starVLA evaluates there (`eval_metaworld.py`, 0ed0aad of August 2026).

`envs/metaworld/starvla.py` has camera, instructions and starts, with their sources and deviations. starVLA's policies
are given the image and the instruction; who also uses the state says so beside the number. Ten episodes of each task
are usual; of their starts two are drawn twice, so that an evaluation of more episodes says more.

Deviations: starVLA executes a policy's whole chunk, whose length is 8 in its configuration for Meta-World; here 8
actions are executed whatever the chunk's length. MuJoCo is 3.8.1 and metaworld 3.0.0, where starVLA pins neither.
"""

from praxia.core.types import ChunkExecution
from praxia.evaluate.benchmarks import Benchmark
from praxia.evaluate.metaworld_tasks import MT50_TASKS, by_difficulty, mt10_of

__all__ = ["MT10", "MT50"]

MT50 = Benchmark(
    name="metaworld-mt50/starvla",
    summary="all fifty tasks as starVLA evaluates them: one cropped image and the instruction",
    env="metaworld-starvla",
    tasks=MT50_TASKS,
    # A step without action before the first look is not counted.
    horizon=400,
    execution=ChunkExecution(execution_horizon=8),
    cameras=("corner2",),
    size=224,
    profile="default",
    state="hand position and gripper opening, which starVLA's own policies are not given",
    metric="ever",
    groups=by_difficulty(MT50_TASKS),
    averages_groups=True,
)

MT10 = mt10_of(MT50)
