"""The benchmark on TwoRoom: goals as images, 25 steps away, half of them behind the wall."""

from praxia.core.types import ChunkExecution
from praxia.evaluation.benchmarks import Benchmark

__all__ = ["TWOROOM"]

TWOROOM = Benchmark(
    name="tworoom",
    summary="reach the place that an image shows, 25 steps away, in the same room or through a door",
    env="tworoom",
    tasks=("same-room", "through-door"),
    # Twice the distance, as in published work on latent planning.
    horizon=50,
    # A plan is made again after two blocks of five actions.
    execution=ChunkExecution(execution_horizon=10),
    cameras=("top", "goal"),
    size=32,
    profile="fast",
    state="positions of robot and goal",
    metric="ever",
)
