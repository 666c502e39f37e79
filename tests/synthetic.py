"""A synthetic robot whose images encode (camera, episode, frame) in black and white blocks no codec can blur."""

import numpy as np

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.types import Start
from praxia.data.episode import Episode

BITS = 24
CAMERAS = ("front", "wrist")
TINTS = ((235, 190, 160), (150, 200, 240))  # colours, so that a channel swapped or a matrix mistaken shows
EMBODIMENT = Embodiment(
    name="synthetic",
    state=(Field("hand", 3, "position", "m"), Field("grip", 1, "gripper", "", low=0.0, high=1.0)),
    action=(Field("move", 2, "delta", "m"), Field("close", 1, "gripper", "")),
    cameras=(Camera("front", 64, 64), Camera("wrist", 48, 80)),
    control_hz=80.0,
)


def image(camera: str, episode: int, frame: int) -> np.ndarray:
    """uint8[Y, X, 3]: 24 bits as blocks in the upper half, their complements in the lower, each 1/8 x 1/6 big."""
    size = next(known for known in EMBODIMENT.cameras if known.name == camera)
    number = (CAMERAS.index(camera) << 20) | (episode << 10) | frame
    bits = np.array([(number >> bit) & 1 for bit in range(BITS)], dtype=np.uint8).reshape(3, 8)
    blocks = np.concatenate([bits, 1 - bits])
    rows, columns = np.arange(size.height) * 6 // size.height, np.arange(size.width) * 8 // size.width
    white = 10 + blocks[rows][:, columns, None] * np.array(TINTS[CAMERAS.index(camera)])
    return white.astype(np.uint8)


def read_label(pixels: np.ndarray) -> tuple[str, int, int]:
    """(camera, episode, frame) back out of an image; fails if a block and its complement disagree."""
    height, width = pixels.shape[:2]
    rows, columns = np.arange(height) * 6 // height, np.arange(width) * 8 // width
    grey = pixels.mean(axis=2)
    blocks = np.array([[grey[rows == r][:, columns == c].mean() for c in range(8)] for r in range(6)]) > 100
    assert (blocks[:3] != blocks[3:]).all(), "an image no frame was made of"
    number = sum(int(bit) << position for position, bit in enumerate(blocks[:3].ravel()))
    return CAMERAS[number >> 20], (number >> 10) & 1023, number & 1023


def episode(index: int, length: int | None = None) -> Episode:
    """Episode `index`: 5 to 20 steps, every third one a failure, numbers drawn from a generator of its own."""
    n = length or 5 + 7 * index % 16
    draw = np.random.default_rng(index)
    last = np.arange(n) == n - 1
    executed = draw.normal(size=(n, 3)).astype(np.float32)
    return Episode(
        embodiment=EMBODIMENT,
        images={name: np.stack([image(name, index, t) for t in range(n)]) for name in CAMERAS},
        state=(draw.normal(size=(n, 4)) * (1, 10, 1e-3, 1) + (0, 0, 1e4, 0)).astype(np.float32),
        action=executed + 1,
        executed_action=executed,
        reward=draw.random(n).astype(np.float32),
        success=last & (index % 3 != 2),
        terminated=last & (index % 2 == 0),
        truncated=last & (index % 2 == 1),
        instruction=f"push object {index % 4} to the wall",
        task=f"push-{index % 4}",
        start=Start("synthetic", f"push-{index % 4}", {"seed": index}),
        snapshots=[draw.bytes(200) for _ in range(n)],
        provenance={"expert": "synthetic", "noise": 0.1 * (index % 3)},
    )
