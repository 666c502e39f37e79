"""Speed of reading windows: our reader against decoding each frame with PyAV on demand.

Both read the same windows in the same order: one camera of 64 px, batches of 128. The alternative keeps its container
open and seeks to each frame; ours decodes every video once into its cache, which is timed separately.

    python speed/windows.py [--json]
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.types import Start
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.data.episode import Episode
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode
from praxia.dataloader.frame_cache import CachedFrames
from praxia.dataloader.order import batch_indices
from praxia.dataloader.windows import Windows

EPISODES, STEPS, SIZE, BATCH = 40, 100, 64, 128
EMBODIMENT = Embodiment(
    "speed",
    (Field("hand", 4, "position", "m"),),
    (Field("move", 4, "delta", "m"),),
    (Camera("front", SIZE, SIZE),),
    80.0,
)
WINDOW = Window({"image.front": (0,), "state": (0,)}, horizon=8)


def episode(index: int) -> Episode:
    """A bright ball that crosses a shaded background: about as hard to compress as a rendered scene."""
    draw = np.random.default_rng(index)
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    background = np.stack([0.3 + 0.4 * x, 0.2 + 0.5 * y, 0.6 - 0.4 * x * y], axis=-1) + draw.normal(
        0, 0.02, (SIZE, SIZE, 3)
    )
    ball = [(x - t / STEPS) ** 2 + (y - 0.5) ** 2 < 0.02 for t in range(STEPS)]
    images = np.stack([np.where(inside[..., None], (0.9, 0.1, 0.2), background) for inside in ball])
    numbers = draw.normal(size=(STEPS, 4)).astype(np.float32)
    last = np.arange(STEPS) == STEPS - 1
    return Episode(
        embodiment=EMBODIMENT,
        images={"front": (images.clip(0, 1) * 255).astype(np.uint8)},
        state=numbers,
        action=numbers,
        executed_action=numbers,
        reward=numbers[:, 0],
        success=last,
        terminated=last,
        truncated=np.zeros(STEPS, bool),
        instruction="push the ball",
        task="push",
        start=Start("speed", "push", {"index": index}),
    )


def dataset(root: Path) -> Dataset:
    begin_recording(root, {})
    for index in range(EPISODES):
        stage_episode(root, index, episode(index))
    finalize(root, EMBODIMENT, {})
    return Dataset(root)


def one_at_a_time(root: Path) -> Callable[[np.ndarray], np.ndarray]:
    """A reader that seeks and decodes each frame on demand, as readers of the format commonly do."""
    container = av.open(str(root / "videos/observation.images.front/chunk-000/file-000.mp4"))
    stream, converter = container.streams.video[0], VideoReformatter()
    stream.codec_context.thread_count = 1
    assert stream.time_base is not None
    ticks = round(1 / EMBODIMENT.control_hz / stream.time_base)

    def decode(number: int) -> np.ndarray:
        container.seek(number * ticks, stream=stream)
        for frame in container.decode(stream):
            if frame.pts == number * ticks:
                return converter.reformat(frame, format="rgb24").to_ndarray()
        raise LookupError(number)

    return lambda indices: np.stack([decode(index) for index in indices.tolist()])


def per_second(read: Callable[[np.ndarray], object], num: int, seconds: float) -> float:
    """Windows per second over at least `seconds`, after one warm-up batch."""
    read(batch_indices(0, 0, BATCH, num))
    step, began_s = 0, time.perf_counter()
    while time.perf_counter() - began_s < seconds:
        step += 1
        read(batch_indices(0, step, BATCH, num))
    return step * BATCH / (time.perf_counter() - began_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PRAXIA_CACHE"] = str(Path(folder) / "cache")
        opened = dataset(Path(folder) / "set")
        began_s = time.perf_counter()
        CachedFrames(opened, "front").read(np.arange(opened.num_frames))
        build_s = time.perf_counter() - began_s
        windows = Windows(opened, WINDOW, range(EPISODES))
        ours = per_second(windows.read, len(windows), 3)
        theirs = per_second(one_at_a_time(Path(folder) / "set"), len(windows), 3)
    found = {
        "batch": BATCH,
        "frames": EPISODES * STEPS,
        "pixels": SIZE,
        "windows_per_s": round(ours),
        "pyav_frame_by_frame_per_s": round(theirs),
        "ratio": round(ours / theirs, 1),
        "cache_build_frames_per_s": round(EPISODES * STEPS / build_s),
    }
    print(json.dumps(found) if options.json else "\n".join(f"{name:28s} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
