"""The benchmark on Bimodal: whether a policy keeps two modes apart that demonstrations show equally often."""

from praxia.core.types import ChunkExecution
from praxia.evaluate.benchmarks import Benchmark

__all__ = ["PASS"]

PASS = Benchmark(
    name="bimodal",
    summary="pass a round obstacle left or right; the mean of the two ways runs into it",
    env="bimodal",
    tasks=("pass",),
    # The expert needs 23 steps: twice that leaves a slow policy time.
    horizon=50,
    # The obstacle is four steps ahead. Who looks at each step sees the robot drift to one side, and the mean of the two
    # ways, which is unstable between them, then leads past: at a pace of 1 a regression nearly keeps up.
    execution=ChunkExecution(execution_horizon=8),
    cameras=("top",),
    size=64,
    profile="fast",
    state="positions of robot, obstacle and goal",
    metric="ever",
)
