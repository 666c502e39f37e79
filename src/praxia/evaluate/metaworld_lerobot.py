"""Benchmarks on Meta-World as LeRobot evaluates there (`lerobot-eval --env.type=metaworld`; 7427f31 of July 2026).

`envs/metaworld/lerobot.py` has camera, state, instructions and starts, with their sources and deviations. Episodes have
500 steps at most (`_max_episode_steps`) and end at success; ten of each task are usual (`docs/source/metaworld.mdx`).

Deviations: LeRobot leaves it to a policy how many actions of a chunk are executed (`n_action_steps`). Here they are 50,
the default of its SmolVLA and pi0, and all where a chunk is shorter. MuJoCo is 3.8.1, where LeRobot pins none.
"""

from praxia.core.types import ChunkExecution
from praxia.evaluate.benchmarks import Benchmark
from praxia.evaluate.metaworld_tasks import MT50_TASKS, by_difficulty, mt10_of

__all__ = ["MT10", "MT50"]

MT50 = Benchmark(
    name="metaworld-mt50/lerobot",
    summary="all fifty tasks as LeRobot evaluates them: its starts, its instructions, one camera in the corner",
    env="metaworld-lerobot",
    tasks=MT50_TASKS,
    horizon=500,
    execution=ChunkExecution(execution_horizon=50),
    cameras=("corner2",),
    size=480,
    profile="default",
    state="hand position and gripper opening",
    metric="ever",
    groups=by_difficulty(MT50_TASKS),
    averages_groups=True,
)

MT10 = mt10_of(MT50)
