"""Compare our reading of a data set with the `lerobot` package's, and check that every image is the right one."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import synthetic

from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.dataloader.windows import Windows

__all__ = ["IMAGES", "OFFSETS", "compare"]

TOLERANCE = 4  # grey levels: conversions from YUV to RGB may round differently
IMAGES = "observation.images."
WINDOW = Window({"image.front": (-2, -1, 0), "image.wrist": (0,), "state": (-3, 0)}, horizon=6)
KEYS = {"image.front": IMAGES + "front", "image.wrist": IMAGES + "wrist", "state": "observation.state"}
OFFSETS = {KEYS[key]: list(offsets) for key, offsets in WINDOW.observation_steps.items()} | {
    "action": list(range(WINDOW.horizon))
}
BATCH = 256


def compare(root: Path, read: dict[str, np.ndarray]) -> dict[str, Any]:
    """Compare our reading of `root` with `read`, the package's, which may be of a converted copy.

    Images that the package could not read are counted, and checked only by what their pixels encode.
    """
    ours = Dataset(root)
    equal, largest, num_wrong = _frames(ours, read)
    if "windows_readable" in read:
        of_windows = _windows(ours, read)
        equal |= of_windows[0]
        largest, num_wrong = max(largest, of_windows[1]), num_wrong + of_windows[2]
    differing = sorted(name for name, same in equal.items() if not same)
    return {
        "agrees": not differing and not num_wrong and largest <= TOLERANCE,
        "episodes": ours.num_episodes,
        "frames": ours.num_frames,
        "files": len([path for path in root.glob("[dv]*/**/*.*") if path.suffix in (".mp4", ".parquet")]),
        "compared": len(equal),
        "differing": differing,
        "wrong_images": num_wrong,
        "max_abs_pixel_difference": largest,
        "unreadable_to_lerobot": {
            name: int((~read[key]).sum())
            for name, key in (("frames", "readable"), ("windows", "windows_readable"))
            if key in read
        },
    }


def _frames(ours: Dataset, read: dict[str, np.ndarray]) -> tuple[dict[str, bool], int, int]:
    """Which columns are exactly equal, the largest pixel difference, and the number of images of a wrong frame."""
    equal, largest, num_wrong = {}, 0, 0
    readable, shuffled = read["readable"], np.random.default_rng(0).permutation(ours.num_frames)
    for name in (name.removeprefix("frame/") for name in read if name.startswith("frame/")):
        theirs = read[f"frame/{name}"]
        if name == "task":
            mine = np.array(ours.instructions)[ours.column("task_index")[:, 0]]
            equal[name] = np.array_equal(mine[readable], theirs[readable])
        elif name.startswith(IMAGES):
            camera = name.removeprefix(IMAGES)
            for frames in _batches(shuffled):
                images = ours.decode(camera, frames)
                shown = readable[frames]
                largest = max(largest, _largest_difference(images[shown], theirs[frames][shown]))
                num_wrong += _count_wrong(ours, camera, images, frames)
        else:
            mine, theirs = ours.column(name), theirs.reshape(len(theirs), -1)
            equal[name] = mine.dtype == theirs.dtype and np.array_equal(mine[readable], theirs[readable])
    return equal, largest, num_wrong


def _windows(ours: Dataset, read: dict[str, np.ndarray]) -> tuple[dict[str, bool], int, int]:
    """The same for windows: values, and padding, which is the complement of our validity masks."""
    windows = Windows(ours, WINDOW, range(ours.num_episodes))
    order = np.random.default_rng(1).permutation(len(windows))
    readable = read["windows_readable"][order]
    samples = windows.read(order)
    pairs = {
        "window/observation.state": samples.state,
        "window/action": samples.action,
        "pad/observation.state": ~samples.state_valid,
        "pad/action": ~samples.action_valid,
    }
    equal = {name: np.array_equal(mine[readable], read[name][order][readable]) for name, mine in pairs.items()}
    largest, num_wrong = 0, 0
    for camera in WINDOW.cameras:
        key, images = KEYS[f"image.{camera}"], samples.images[camera]
        theirs = read[f"window/{key}"][order].reshape(images.shape)
        largest = max(largest, _largest_difference(images[readable], theirs[readable]))
        valid = samples.image_valid[camera]
        equal[f"pad/{key}"] = np.array_equal(
            ~valid[readable], read[f"pad/{key}"][order][readable].reshape(-1, valid.shape[1])
        )
        for index, offset in enumerate(WINDOW.observation_steps[f"image.{camera}"]):
            present = valid[:, index]
            num_wrong += _count_wrong(ours, camera, images[present, index], order[present] + offset)
    return equal, largest, num_wrong


def _count_wrong(ours: Dataset, camera: str, images: np.ndarray, frames: np.ndarray) -> int:
    """How many images do not encode the (camera, episode, frame) of their frames."""
    expected = np.concatenate([ours.column("episode_index"), ours.column("frame_index")], axis=1)[frames].tolist()
    return sum(_read_label(image) != (camera, *labels) for image, labels in zip(images, expected, strict=True))


def _read_label(image: np.ndarray) -> tuple[str, int, int] | None:
    try:
        return synthetic.read_label(image)
    except (AssertionError, IndexError):
        return None


def _batches(order: np.ndarray) -> Iterable[np.ndarray]:
    return np.array_split(order, -(-len(order) // BATCH))


def _largest_difference(mine: np.ndarray, theirs: np.ndarray) -> int:
    return int(np.abs(mine.astype(int) - theirs).max()) if len(mine) else 0
