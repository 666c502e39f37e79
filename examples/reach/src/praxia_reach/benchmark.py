"""The benchmark. `python -m praxia.evaluation.preflight.record reach` writes recorded.json beside this file."""

from praxia.core.types import ChunkExecution
from praxia.evaluation.benchmarks import Benchmark

__all__ = ["REACH"]

REACH = Benchmark(
    name="reach",
    summary="reach the disc of the colour in the instruction, of two that only the image shows",
    env="reach",
    tasks=("reach-red", "reach-blue"),
    horizon=30,
    execution=ChunkExecution(execution_horizon=4),
    cameras=("top",),
    size=64,
    profile="fast",
    state="the robot's position",
    metric="ever",
)
