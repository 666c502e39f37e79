"""Benchmarks on Meta-World v3 (McLean et al. 2025; metaworld 3.0.0) under the render profile "fast".

Their starts are Praxia's own (the split "test" of `praxia.envs`), their camera is aimed at the table, and the state
holds nothing that the robot could not measure: numbers are not comparable with those under Meta-World's default
camera, or with evaluations that put object positions into the state.
"""

from dataclasses import replace

from praxia.core.types import ChunkExecution
from praxia.evaluate.benchmarks import Benchmark
from praxia.evaluate.metaworld_tasks import MT10_TASKS, MT50_TASKS, by_difficulty

__all__ = ["DEMO", "MT10", "MT50"]

MT10 = Benchmark(
    name="metaworld-mt10/fast",
    summary="Meta-World's official set of ten tasks, one policy, told apart by instruction",
    env="metaworld",
    tasks=MT10_TASKS,
    # The experts need 83 steps on average and at most 215: 400 leaves a slow policy time, without paying for the
    # 500 of the simulator in every failure.
    horizon=400,
    execution=ChunkExecution(execution_horizon=4),
    cameras=("workspace", "hand"),
    # The smallest goals are balls of 2 cm radius: four pixels in the package's camera, and more in the hand's.
    size=80,
    profile="fast",
    state="hand position and gripper opening",
    # Meta-World's own count: an episode is a success when the task was solved at any step.
    metric="ever",
    groups=by_difficulty(MT10_TASKS),
    averages_groups=True,
)

MT50 = replace(
    MT10,
    name="metaworld-mt50/fast",
    summary="all fifty tasks of Meta-World, one policy, told apart by instruction",
    tasks=MT50_TASKS,
    groups=by_difficulty(MT50_TASKS),
)

DEMO = replace(
    MT10,
    name="metaworld-demo/fast",
    summary="eight tasks that must be seen: what `make demo` learns in minutes",
    tasks=(
        "button-press",
        "button-press-topdown",
        "button-press-topdown-wall",
        "coffee-button",
        "door-lock",
        "door-unlock",
        "drawer-open",
        "window-open",
    ),
    # Over 160 starts of these tasks the experts needed 75 steps on average and 123 at most.
    horizon=200,
    cameras=("workspace",),
    size=64,
    groups={},
    averages_groups=False,
)
