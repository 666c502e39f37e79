"""The benchmark on PushT, with the state as observation and the field's score as progress.

Starts are drawn from the distribution of gym-pusht by Praxia's own generator, not from the seeds used in the
literature. `progress` is the highest share of 95% coverage that an episode reached, which the literature reports as the
score.

`pusht/as-shown` is how latent planning is evaluated on PushT (DINO-WM, Zhou et al. 2024; LeWM, Maes et al. 2026): start
and goal are timesteps of one demonstration, 25 steps apart, and the goal is an image.
"""

from praxia.core.types import ChunkExecution
from praxia.evaluation.benchmarks import Benchmark

__all__ = ["AS_SHOWN", "PUSHT"]

PUSHT = Benchmark(
    name="pusht",
    summary="push a T onto its target until it covers 95% of it; progress is the best coverage reached",
    env="pusht",
    tasks=("push",),
    # Horizon, images and execution horizon are those of Diffusion Policy (Chi et al. 2023), which executes 8 of 16
    # actions.
    horizon=300,
    execution=ChunkExecution(execution_horizon=8),
    cameras=("top",),
    size=96,
    profile="fast",
    state="positions of agent and block, and where the block points",
    metric="ever",
)

AS_SHOWN = Benchmark(
    name="pusht/as-shown",
    summary="bring agent and T, 25 steps of a demonstration away, to where an image shows them",
    env="pusht",
    tasks=("as-shown",),
    # Twice the distance. A plan of 25 steps is executed before the next, as LeWM does.
    horizon=50,
    execution=ChunkExecution(execution_horizon=25),
    cameras=("top", "goal"),
    size=32,
    profile="fast",
    state="positions of agent and block, and where the block points",
    metric="ever",
)
