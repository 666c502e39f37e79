import numpy as np
import pytest

from praxia.core.keys import generator


@pytest.fixture(scope="session")
def smooth():
    """Chunks [num, horizon, dims] of slow sines within about [-1, 1], the last dim a gripper that opens or closes."""

    def draw(num, horizon=12, dims=3, seed=0):
        rng = generator("chunks", seed)
        shape = (num, 1, dims)
        time = np.linspace(0, 1, horizon)[:, None]
        phase = 2 * np.pi * (rng.uniform(0, 1.5, shape) * time + rng.uniform(0, 1, shape))
        chunks = rng.uniform(0.1, 0.9, shape) * np.sin(phase) + rng.normal(0, 0.01, (num, horizon, dims))
        chunks[..., -1] = np.where(time[:, 0] < rng.uniform(0, 1, (num, 1)), -1, 1)
        return chunks.astype(np.float32)

    return draw
