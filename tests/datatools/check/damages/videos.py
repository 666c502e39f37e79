"""Videos re-encoded with other images, or at another size or rate."""

import io
import json
from collections.abc import Callable

import av
import numpy as np
from damages.files import Files, one_of

from praxia.data.video import encode


def _images(data: bytes) -> np.ndarray:
    with av.open(io.BytesIO(data)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def _recoded(
    files: Files, rng: np.random.Generator, change: Callable[[np.ndarray], np.ndarray], rate: float = 1.0
) -> None:
    fps = rate * json.loads(files["meta/info.json"])["fps"]
    name = one_of(files, "videos/", rng)
    files[name] = encode(np.ascontiguousarray(change(_images(files[name]))), fps)


def video_one_less(files: Files, rng: np.random.Generator) -> None:
    _recoded(files, rng, lambda images: np.delete(images, rng.integers(len(images)), axis=0))


def video_one_more(files: Files, rng: np.random.Generator) -> None:
    def double(images: np.ndarray) -> np.ndarray:
        at = rng.integers(len(images))
        return np.insert(images, at, images[at], axis=0)

    _recoded(files, rng, double)


def video_size(files: Files, rng: np.random.Generator) -> None:
    _recoded(files, rng, lambda images: images[:, ::2, ::2])


def video_rate(files: Files, rng: np.random.Generator) -> None:
    _recoded(files, rng, lambda images: images, float(rng.choice([0.4, 0.75, 2.0])))


def video_order(files: Files, rng: np.random.Generator) -> None:
    _recoded(files, rng, lambda images: np.roll(images, 1, axis=0))
