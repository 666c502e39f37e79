"""Does the `lerobot` package read what we write as we read it, and do we read what it writes?

    python tests/peers/lerobot_agrees.py [--venv build/lerobot-venv]

A command, not a test of the suite: on first use it installs a stock `lerobot` (8 GB with its CUDA torch; it runs on a
CPU) into an environment of its own. Prints one JSON verdict; exit code 0 if everything agrees.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "data"))

import synthetic  # noqa: E402

from praxia.core.types import Window  # noqa: E402
from praxia.data import merge  # noqa: E402
from praxia.data.compact import compact  # noqa: E402
from praxia.data.dataset import Dataset  # noqa: E402
from praxia.data.recording import begin  # noqa: E402
from praxia.data.staging import stage_episode  # noqa: E402
from praxia.data.windows import Windows  # noqa: E402

LEROBOT = "lerobot==0.4.4"
EPISODES = 24
TOLERANCE = 4  # grey levels: two conversions from YUV to RGB may round differently
MOMENTS = {"image.front": (-2, -1, 0), "image.wrist": (0,), "state": (-3, 0)}
HORIZON = 6
KEYS = {
    "image.front": "observation.images.front",
    "image.wrist": "observation.images.wrist",
    "state": "observation.state",
}
THEIR_LENGTHS = (7, 12, 5)


def peer(folder: Path) -> Path:
    """The python of the peer's environment, installed if it is not there yet."""
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        print(f"installing {LEROBOT} into {folder} (minutes, 8 GB)", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", LEROBOT], check=True, stdout=sys.stderr)
        (folder / "installed").write_text(LEROBOT + "\n")
    return python


def write_ours(root: Path) -> Dataset:
    """A data set of ours, in several data and video files: their limits are lowered for it."""
    merge.DATA_FILE_BYTES, merge.VIDEO_FILE_BYTES = 8_000, 20_000
    begin(root, {"peer": True})
    for index in range(EPISODES):
        stage_episode(root, index, synthetic.episode(index))
    compact(root, synthetic.BODY, {"peer": True})
    return Dataset(root)


def compare_frames(ours: Dataset, read: dict[str, np.ndarray]) -> tuple[dict[str, bool], int]:
    """Which features are equal, exactly, over all frames; and the largest difference of any pixel."""
    equal, worst = {}, 0
    for name, theirs in read.items():
        if not name.startswith("frame/"):
            continue
        feature = name.removeprefix("frame/")
        if feature == "task":
            tasks = ours.column("task_index")[:, 0]
            equal[feature] = theirs.tolist() == [ours.instructions[task] for task in tasks]
        elif feature.startswith("observation.images."):
            frames = np.asarray(ours.frames(feature.removeprefix("observation.images.")))
            worst = max(worst, _largest(frames, theirs))
        else:
            mine = ours.column(feature)
            equal[feature] = mine.dtype == theirs.dtype and np.array_equal(mine, theirs.reshape(len(theirs), -1))
    return equal, worst


def compare_windows(ours: Dataset, read: dict[str, np.ndarray]) -> tuple[dict[str, bool], int]:
    """The same for windows: values, and padding, which is the complement of our validity."""
    windows = Windows(ours, Window(MOMENTS, HORIZON), range(ours.num_episodes))
    samples = windows.read(np.arange(len(windows)))
    equal = {
        "window/observation.state": np.array_equal(samples.state, read["window/observation.state"]),
        "window/action": np.array_equal(samples.action, read["window/action"]),
        "pad/observation.state": np.array_equal(~samples.state_valid, read["pad/observation.state"]),
        "pad/action": np.array_equal(~samples.action_valid, read["pad/action"]),
    }
    worst = 0
    for camera in ours.cameras:
        key = KEYS[f"image.{camera}"]
        theirs = read[f"window/{key}"].reshape(samples.images[camera].shape)
        worst = max(worst, _largest(samples.images[camera], theirs))
        pad = read[f"pad/{key}"].reshape(samples.image_valid[camera].shape)
        equal[f"pad/{key}"] = np.array_equal(~samples.image_valid[camera], pad)
    return equal, worst


def compare_theirs(root: Path, read: dict[str, np.ndarray]) -> tuple[dict[str, bool], float]:
    """What the peer's writer wrote, through our reader; the mean difference of its lossy pictures."""
    theirs = Dataset(root)
    equal = {
        "theirs/lengths": tuple(theirs.episodes.length.tolist()) == THEIR_LENGTHS,
        "theirs/state": np.array_equal(theirs.column("observation.state"), read["theirs/state"]),
        "theirs/action": np.array_equal(theirs.column("action"), read["theirs/action"]),
        "theirs/instructions": theirs.episodes.instruction == ("task 0", "task 1", "task 0"),
    }
    cached = np.asarray(theirs.frames("top"))
    equal["theirs/decode"] = np.array_equal(cached, theirs.decode("top", np.arange(theirs.num_frames)))
    return equal, float(np.abs(cached.astype(float) - read["theirs/picture"]).mean())


def _largest(mine: np.ndarray, theirs: np.ndarray) -> int:
    return int(np.abs(mine.astype(int) - theirs).max())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", type=Path, default=Path("build/lerobot-venv"))
    python = peer(parser.parse_args().venv.absolute())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = write_ours(folder / "ours")
        asked = {KEYS[key]: at for key, at in MOMENTS.items()} | {"action": range(HORIZON)}
        ask = {"windows": {key: list(at) for key, at in asked.items()}, "lengths": THEIR_LENGTHS}
        (folder / "ask.json").write_text(json.dumps(ask))
        offline = {"HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
        command = [python, HERE / "lerobot_inside.py", folder]
        subprocess.run(command, check=True, stdout=sys.stderr, env=os.environ | offline)
        answer, read = json.loads((folder / "answer.json").read_text()), dict(np.load(folder / "read.npz"))
        frames, frame_pixels = compare_frames(ours, read)
        windows, window_pixels = compare_windows(ours, read)
        theirs, their_pixels = compare_theirs(folder / "theirs", read)
    equal, pixels = frames | windows | theirs, max(frame_pixels, window_pixels)
    verdict = {
        "agrees": all(equal.values()) and pixels <= TOLERANCE and their_pixels < 3,
        "frames": ours.num_frames,
        "episodes": ours.num_episodes,
        "files": sum(name.endswith((".mp4", ".parquet")) and name[0] in "dv" for name in ours.manifest.files),
        "differing": sorted(name for name, same in equal.items() if not same),
        "compared": sorted(equal),
        "max_abs_pixel_difference": pixels,
        "mean_abs_pixel_difference_of_theirs": round(their_pixels, 3),
        "lerobot_version": answer["lerobot"],
        "torch_version": answer["torch"],
        "video_backend": answer["video_backend"],
    }
    print(json.dumps(verdict))
    return 0 if verdict["agrees"] else 1


if __name__ == "__main__":
    sys.exit(main())
