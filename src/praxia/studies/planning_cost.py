"""What planning costs by the number of tokens that a world has for a frame: processor time on one thread.

The frames are of one kind for all: nothing is encoded, and the predictor has fresh weights, which cost as trained ones.
"""

import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.types import Observation, Query
from praxia.core.window import Window
from praxia.nn.stack import AttentionConfig
from praxia.nn.types import Batch
from praxia.planning.blocks import Blocks
from praxia.planning.cem import CEM
from praxia.planning.objectives import GoalDistance
from praxia.planning.planner import Planner
from praxia.transforms.chain import EmbodimentTransforms, Transforms
from praxia.transforms.normalise import Normaliser
from praxia.transforms.tokenizer import TextTokenizer
from praxia.worlds.latent import LatentModel, LatentWorld
from praxia.worlds.predictor import Predictor

__all__ = ["CANDIDATES", "TOKENS", "cost_table", "planning_cost"]

TOKENS = (1, 16, 64, 196)

# The predictor of the recipe "lewm-tworoom", and the plan of LeWM.
WIDTH, ATTENTION, FRAMES, STRIDE = 64, AttentionConfig(3, 4, 4, 32), 3, 5
BLOCKS = Blocks(count=5, steps=STRIDE)
CANDIDATES, ITERATIONS = 300, 30

# Candidates that the world has at once: with 196 tokens more would take gigabytes.
MAX_ROWS = 50

POINT = Embodiment(
    name="point",
    state=(Field("point", 2, "position", "m"),),
    action=(Field("point", 2, "velocity", "m/s", low=-1.0, high=1.0),),
    cameras=(Camera("top", 8, 8),),
    control_hz=10.0,
)


def planning_cost(
    tokens: Sequence[int] = TOKENS, candidates: int = CANDIDATES, repeats: int = 3
) -> list[dict[str, Any]]:
    """A row for each number of tokens: {tokens, candidates, blocks, frames, width, depth, iteration_s, plan_s}.

    `iteration_s` is the median processor time of an iteration of CEM over `repeats` decisions after the first, and
    `plan_s` that of a plan of LeWM's 30 iterations, by multiplication. On one thread; the number of threads is
    restored.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [_row(number, candidates, repeats) for number in tokens]
    finally:
        torch.set_num_threads(threads)


def _row(tokens: int, candidates: int, repeats: int) -> dict[str, Any]:
    solver = CEM(samples=candidates, iterations=1, elites=max(1, candidates // 10))
    goal = GoalDistance(goal={"image.top": "image.goal"})
    planner = Planner(_world(tokens), goal, solver, BLOCKS, max_rows=MAX_ROWS)
    image = np.zeros((8, 8, 3), np.uint8)
    history = (Observation({"top": image, "goal": image}, np.zeros(2, np.float32), "", 0.0),)
    seconds = []
    for step in range(repeats + 1):
        began = time.process_time()
        planner.act([Query(history, "cost", step, 0)], planner.start(1))
        seconds.append(time.process_time() - began)
    iteration_s = median(seconds[1:])
    shape = {"blocks": BLOCKS.count, "frames": FRAMES, "width": WIDTH, "depth": ATTENTION.depth}
    measured = {"iteration_s": iteration_s, "plan_s": ITERATIONS * iteration_s}
    return {"tokens": tokens, "candidates": candidates, **shape, **measured}


def cost_table(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The rows as texts for the report."""
    return {
        "title": "Planning cost",
        "note": "Processor time of CEM on one thread: an iteration with all candidates, and a plan of"
        f" {ITERATIONS} iterations. The world's predictor has fresh weights.",
        "columns": ["tokens of a frame", "candidates", "blocks", "an iteration, s", "a plan, s"],
        "rows": [
            [
                str(row["tokens"]),
                str(row["candidates"]),
                str(row["blocks"]),
                f"{row['iteration_s']:.3f}",
                f"{row['plan_s']:.1f}",
            ]
            for row in rows
        ],
    }


class _Tokens(LatentModel):
    """Frames of N tokens, all alike, and the predictor of what follows."""

    num_frames, width = FRAMES, WIDTH

    def __init__(self, tokens: int):
        super().__init__()
        self.tokens = tokens
        self.predictor = Predictor(WIDTH, ATTENTION, STRIDE * POINT.action_dim)

    def encode(self, batch: Batch) -> Float[Tensor, "B T N D"]:
        return torch.ones(*batch.image_valid["top"].shape, self.tokens, WIDTH)

    def predict(
        self, latents: Float[Tensor, "B T N D"], valid: Bool[Tensor, "B T"], blocks: Float[Tensor, "B T E"]
    ) -> Float[Tensor, "B T N D"]:
        return self.predictor(latents, valid, blocks)


def _world(tokens: int) -> LatentWorld:
    within = Normaliser((-1.0,) * 2, (1.0,) * 2)
    same = EmbodimentTransforms(state=within, action=within)
    window = Window({"image.top": (0,)}, STRIDE)
    return LatentWorld(_Tokens(tokens).eval(), Transforms((same,), TextTokenizer.fit([""])), POINT, window, STRIDE)
