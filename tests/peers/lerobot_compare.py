"""One data set, read by us and by the `lerobot` package: what is equal, and whether every image is the right one."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import synthetic

from praxia.core.types import Window
from praxia.data.dataset import Dataset
from praxia.dataloader.windows import Windows

__all__ = ["ASKED", "IMAGES", "compare"]

TOLERANCE = 4  # grey levels: two conversions from YUV to RGB may round differently
IMAGES = "observation.images."
WINDOW = Window({"image.front": (-2, -1, 0), "image.wrist": (0,), "state": (-3, 0)}, horizon=6)
KEYS = {"image.front": IMAGES + "front", "image.wrist": IMAGES + "wrist", "state": "observation.state"}
ASKED = {KEYS[key]: list(at) for key, at in WINDOW.observation_steps.items()} | {"action": list(range(WINDOW.horizon))}
BATCH = 256


def compare(root: Path, read: dict[str, np.ndarray]) -> dict[str, Any]:
    """Our reading of `root` with the package's, `read`, which may be of a converted copy.

    Images that the package could not read are counted and compared by what is written in them alone.
    """
    ours = Dataset(root)
    equal, worst, misspelt = _frames(ours, read)
    if "windows_readable" in read:
        of_windows = _windows(ours, read)
        equal |= of_windows[0]
        worst, misspelt = max(worst, of_windows[1]), misspelt + of_windows[2]
    differing = sorted(name for name, same in equal.items() if not same)
    return {
        "agrees": not differing and not misspelt and worst <= TOLERANCE,
        "episodes": ours.num_episodes,
        "frames": ours.num_frames,
        "files": len([path for path in root.glob("[dv]*/**/*.*") if path.suffix in (".mp4", ".parquet")]),
        "compared": len(equal),
        "differing": differing,
        "wrong_pictures": misspelt,
        "max_abs_pixel_difference": worst,
        "unreadable_to_lerobot": {
            name: int((~read[key]).sum())
            for name, key in (("frames", "readable"), ("windows", "windows_readable"))
            if key in read
        },
    }


def _frames(ours: Dataset, read: dict[str, np.ndarray]) -> tuple[dict[str, bool], int, int]:
    """Which columns are equal, exactly; the largest difference of any pixel; how many images are of another frame."""
    equal, worst, misspelt = {}, 0, 0
    readable, shuffled = read["readable"], np.random.default_rng(0).permutation(ours.num_frames)
    for name in (name.removeprefix("frame/") for name in read if name.startswith("frame/")):
        theirs = read[f"frame/{name}"]
        if name == "task":
            mine = np.array(ours.instructions)[ours.column("task_index")[:, 0]]
            equal[name] = np.array_equal(mine[readable], theirs[readable])
        elif name.startswith(IMAGES):
            camera = name.removeprefix(IMAGES)
            for at in _batches(shuffled):
                images = ours.decode(camera, at)
                worst = max(worst, _largest(images[readable[at]], theirs[at][readable[at]]))
                misspelt += _misspelt(ours, camera, images, at)
        else:
            mine, theirs = ours.column(name), theirs.reshape(len(theirs), -1)
            equal[name] = mine.dtype == theirs.dtype and np.array_equal(mine[readable], theirs[readable])
    return equal, worst, misspelt


def _windows(ours: Dataset, read: dict[str, np.ndarray]) -> tuple[dict[str, bool], int, int]:
    """The same for windows: values, and padding, which is the complement of our validity."""
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
    worst, misspelt = 0, 0
    for camera in WINDOW.cameras:
        key, images = KEYS[f"image.{camera}"], samples.images[camera]
        theirs = read[f"window/{key}"][order].reshape(images.shape)
        worst = max(worst, _largest(images[readable], theirs[readable]))
        valid = samples.image_valid[camera]
        equal[f"pad/{key}"] = np.array_equal(
            ~valid[readable], read[f"pad/{key}"][order][readable].reshape(-1, valid.shape[1])
        )
        for place, offset in enumerate(WINDOW.observation_steps[f"image.{camera}"]):
            held = valid[:, place]
            misspelt += _misspelt(ours, camera, images[held, place], order[held] + offset)
    return equal, worst, misspelt


def _misspelt(ours: Dataset, camera: str, images: np.ndarray, frames: np.ndarray) -> int:
    """How many images do not say (camera, episode, frame) of the frames they should be."""
    wanted = np.concatenate([ours.column("episode_index"), ours.column("frame_index")], axis=1)[frames].tolist()
    return sum(_spelled(image) != (camera, *at) for image, at in zip(images, wanted, strict=True))


def _spelled(image: np.ndarray) -> tuple[str, int, int] | None:
    try:
        return synthetic.spelled(image)
    except (AssertionError, IndexError):
        return None


def _batches(order: np.ndarray) -> Iterable[np.ndarray]:
    return np.array_split(order, -(-len(order) // BATCH))


def _largest(mine: np.ndarray, theirs: np.ndarray) -> int:
    return int(np.abs(mine.astype(int) - theirs).max()) if len(mine) else 0
