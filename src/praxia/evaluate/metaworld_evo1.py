"""Benchmarks on Meta-World as Evo-1 evaluates there (`mt50_evo1_client_prompt.py`, 1bf31c4 of August 2026).

`envs/metaworld/evo1.py` has camera, state, instructions and starts, with their sources and deviations. The state holds
the object's position: results are labelled as privileged. Ten episodes of each task are usual; of their starts two are
drawn twice, so that an evaluation of more episodes says more.

Deviations: MuJoCo is 3.8.1 and metaworld 3.0.0, where Evo-1 pins neither.
"""

from praxia.core.types import ChunkExecution
from praxia.evaluate.benchmarks import Benchmark
from praxia.evaluate.metaworld_tasks import MT50_TASKS, by_difficulty, mt10_of

__all__ = ["MT10", "MT50"]

MT50 = Benchmark(
    name="metaworld-mt50/evo1",
    summary="all fifty tasks as Evo-1 evaluates them, with the object's position in the state",
    env="metaworld-evo1",
    tasks=MT50_TASKS,
    # A step without action before the first look is not counted.
    horizon=400,
    execution=ChunkExecution(execution_horizon=15),
    cameras=("corner2",),
    size=448,
    profile="default",
    state="hand position, gripper opening, and the object's position and first number of its rotation",
    metric="ever",
    groups=by_difficulty(MT50_TASKS),
    averages_groups=True,
    privileged_state=True,
)

MT10 = mt10_of(MT50)
