"""Does the `lerobot` package read what we write as we read it, and do we read what it writes?

    python tests/peers/lerobot_agrees.py [--venv build/lerobot-venv] [--long]

A command, not a test of the suite: on first use it installs a stock `lerobot` (8 GB with its CUDA torch; it runs on a
CPU) into an environment of its own. Every data set, whoever wrote it, is compared in the same way: columns, windows
and their padding exactly, images with the other's decoding and by what is written in them (camera, episode, frame).

`ours-av1` has AV1 as lerobot encodes it, put where our recorder's own video would be, and joined by us. `v21-...` are
data sets in the layout before v3.0: our reading of them is compared with lerobot's of what its own script converts them
to, and `...-converted` with ours of that. --long adds 500 episodes that lerobot wrote into one file.

Prints one JSON verdict, by data set; exit code 0 if everything agrees.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
from lerobot_compare import ASKED, IMAGES, compare, synthetic
from lerobot_environment import FOLDER, peer, run_inside

from praxia.core.errors import PraxiaError
from praxia.data import merge, staging
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode
from praxia.data.video import encode

EPISODES, LONG, FPS = 24, 500, 30
CODECS = {"h264": "h264", "hevc": "hevc", "av1": "libsvtav1", "images": "png"}
OURS = ("ours-one", "ours-many", "ours-av1")
WHOLE, SMALL = (10**8, 10**8), (8_000, 20_000)  # bytes of a data and of a video file, at most


def encode_av1(frames: np.ndarray, fps: float) -> bytes:
    """An mp4 file with the codec and the settings of the `lerobot` package."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libsvtav1", round(fps), options={"g": "2", "crf": "30", "preset": "12"})
            stream.height, stream.width = frames.shape[1:3]
            stream.pix_fmt = "yuv420p"
            for image in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode())
        return path.read_bytes()


def write_ours(root: Path, limits: tuple[int, int], encoder: Callable[[np.ndarray, float], bytes]) -> None:
    """A data set of ours; the limits of its files and its encoder are replaced."""
    (merge.DATA_FILE_BYTES, merge.VIDEO_FILE_BYTES), staging.encode = limits, encoder
    begin_recording(root, {"peer": True})
    for index in range(EPISODES):
        stage_episode(root, index, synthetic.episode(index))
    finalize(root, synthetic.EMBODIMENT, {"peer": True})


def write_given(folder: Path, episodes: int) -> None:
    """The synthetic episodes, for the package to write."""
    folder.mkdir()
    for index in range(episodes):
        made = synthetic.episode(index)
        arrays = {IMAGES + camera: images for camera, images in made.images.items()}
        arrays |= {"observation.state": made.state, "action": made.action, "instruction": np.array(made.instruction)}
        np.savez(folder / f"{index:06d}.npz", **arrays)


def plan(long: bool) -> dict[str, Any]:
    """What happens inside the package's environment: what it writes, and what of all it reads."""
    case = {"episodes": EPISODES, "fps": FPS}
    write = {
        f"theirs-{name}-{files}": {**case, "codec": codec, "many_files": files == "many"}
        for name, codec in CODECS.items()
        for files in ("one", "many")
    }
    write_v21 = {f"v21-{name}": {**case, "codec": CODECS[name]} for name in ("h264", "av1", "images")}
    read = [*OURS, *write, *(f"{name}-converted" for name in write_v21)]
    asked = dict.fromkeys(read, ASKED)
    if long:
        write["theirs-av1-long"] = {**case, "episodes": LONG, "codec": CODECS["av1"], "many_files": False}
        asked["theirs-av1-long"] = {}
    return {"write": write, "write_v21": write_v21, "read": asked}


def judge(folder: Path, ask: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The comparison of each data set. One that we refuse does not agree, nor one of ours that lerobot cannot read."""
    found = {}
    for root in [*ask["read"], *ask["write_v21"]]:
        name = f"{root}-converted" if root in ask["write_v21"] else root
        try:
            found[root] = compare(folder / root, dict(np.load(folder / "read" / f"{name}.npz")))
            found[root]["agrees"] &= root not in OURS or not any(found[root]["unreadable_to_lerobot"].values())
        except PraxiaError as error:
            found[root] = {"agrees": False, "refused": str(error)}
        print(f"{root}: {found[root]}", file=sys.stderr)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, default=FOLDER)
    parser.add_argument("--long", action="store_true")
    options = parser.parse_args()
    python, ask = peer(options.venv), plan(options.long)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for root, how in zip(OURS, ((WHOLE, encode), (SMALL, encode), (SMALL, encode_av1)), strict=True):
            write_ours(folder / root, *how)
        write_given(folder / "given", LONG if options.long else EPISODES)
        versions = run_inside(python, "lerobot_inside.py", folder, ask)
        sets = judge(folder, ask)
    agrees = all(one["agrees"] for one in sets.values())
    print(json.dumps({"agrees": agrees, **versions, "sets": sets}))
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
