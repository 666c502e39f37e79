"""Files that an earlier version wrote (`tests/frozen`, see its README.md), and the inputs of its recorded results."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from praxia.core.embodiment import Embodiment
from praxia.core.types import Observation, Query

FROZEN = Path(__file__).with_name("frozen")
TEXTS = ("push the block to the left", "lift the cup")


def expected(folder: str) -> Any:
    """The results that the version which wrote the files of a folder recorded for them."""
    return json.loads((FROZEN / folder / "expected.json").read_text())


def make_queries(embodiment: Embodiment, cameras: Sequence[str], step: int) -> list[Query]:
    """Two episodes at that step, with as many timesteps behind them; only numpy draws what they see."""

    def observation(row: int, at: int) -> Observation:
        rng = np.random.default_rng([row, at])
        state = rng.standard_normal(embodiment.state_dim).astype(np.float32)
        images = {
            one.name: rng.integers(0, 256, (one.height, one.width, 3), dtype=np.uint8)
            for one in embodiment.cameras
            if one.name in cameras
        }
        return Observation(images, state, TEXTS[row], at / embodiment.control_hz)

    return [Query(tuple(observation(row, at) for at in range(step + 1)), f"frozen-{row}", step, row) for row in (0, 1)]


def make_chunks(num: int, horizon: int, dims: int, seed: int) -> np.ndarray:
    """Chunks [num, horizon, dims] of slow sines within about [-1, 1], the last dim a gripper that opens or closes."""
    rng = np.random.default_rng(seed)
    time = np.arange(horizon)[:, None] / horizon
    phase = 2 * np.pi * (rng.uniform(0, 1.5, (num, 1, dims)) * time + rng.uniform(0, 1, (num, 1, dims)))
    chunks = rng.uniform(0.1, 0.9, (num, 1, dims)) * np.sin(phase)
    chunks[..., -1] = np.where(time[:, 0] < rng.uniform(0, 1, (num, 1)), -1, 1)
    return chunks.astype(np.float32)
