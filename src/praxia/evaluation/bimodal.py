"""The benchmark on Bimodal: whether a policy keeps two equally frequent modes of the demonstrations apart."""

from praxia.core.types import ChunkExecution
from praxia.evaluation.benchmarks import Benchmark

__all__ = ["PASS"]

PASS = Benchmark(
    name="bimodal",
    summary="pass a round obstacle left or right; the mean of the two ways runs into it",
    env="bimodal",
    tasks=("pass",),
    # The expert needs 23 steps. Twice as many leave a slow policy time.
    horizon=50,
    # The obstacle is four steps ahead. A policy that observes every step sees the robot drift to one side, and the mean
    # of the two modes, which is unstable between them, then leads past the obstacle: with an execution horizon of 1, a
    # regression head is nearly as good.
    execution=ChunkExecution(execution_horizon=8),
    cameras=("top",),
    size=64,
    profile="fast",
    state="positions of robot, obstacle and goal",
    metric="ever",
)
