"""Do we and the `lerobot` package read each other's data sets alike?

    python tests/peers/lerobot_agrees.py [--venv build/lerobot-venv] [--long]

A command, not a test of the suite: on first use it installs a stock `lerobot` (8 GB with its CUDA torch; it runs on a
CPU) into its own environment. Every data set, whoever wrote it, is compared in the same way: columns, windows and their
padding exactly; images with the other's decoding, and by what their pixels encode (camera, episode, frame).

`ours-av1` has AV1 as lerobot encodes it in place of our recorder's own video, joined by us. `v21-...` are data sets in
the layout before v3.0: our reading of them is compared with lerobot's reading of its own conversion, and
`...-converted` with our reading of that. --long adds 500 episodes that lerobot wrote into one file.

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
from lerobot_compare import IMAGES, OFFSETS, compare, synthetic
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
LARGE, SMALL = (10**8, 10**8), (8_000, 20_000)  # maximum bytes of a data file and of a video file


def encode_av1(frames: np.ndarray, fps: float) -> bytes:
    """An mp4 file with the codec and settings of the `lerobot` package."""
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
    """Write a data set of ours with other limits of file sizes and another encoder."""
    (merge.DATA_FILE_BYTES, merge.VIDEO_FILE_BYTES), staging.encode = limits, encoder
    begin_recording(root, {"peer": True})
    for index in range(EPISODES):
        stage_episode(root, index, synthetic.episode(index))
    finalize(root, synthetic.EMBODIMENT, {"peer": True})


def write_given(folder: Path, episodes: int) -> None:
    """Store the synthetic episodes as arrays, for the package to write."""
    folder.mkdir()
    for index in range(episodes):
        episode = synthetic.episode(index)
        arrays = {IMAGES + camera: images for camera, images in episode.images.items()}
        arrays |= {"observation.state": episode.state, "action": episode.action}
        arrays["instruction"] = np.array(episode.instruction)
        np.savez(folder / f"{index:06d}.npz", **arrays)


def plan(long: bool) -> dict[str, Any]:
    """The request to the package's environment: the data sets to write, and those to read with which windows."""
    case = {"episodes": EPISODES, "fps": FPS}
    write = {
        f"theirs-{name}-{files}": {**case, "codec": codec, "many_files": files == "many"}
        for name, codec in CODECS.items()
        for files in ("one", "many")
    }
    write_v21 = {f"v21-{name}": {**case, "codec": CODECS[name]} for name in ("h264", "av1", "images")}
    names = [*OURS, *write, *(f"{name}-converted" for name in write_v21)]
    windows = dict.fromkeys(names, OFFSETS)
    if long:
        write["theirs-av1-long"] = {**case, "episodes": LONG, "codec": CODECS["av1"], "many_files": False}
        windows["theirs-av1-long"] = {}
    return {"write": write, "write_v21": write_v21, "read": windows}


def compare_all(folder: Path, request: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The comparison of each data set. One that we refuse, or one of ours that lerobot cannot read, does not agree."""
    found = {}
    for root in [*request["read"], *request["write_v21"]]:
        name = f"{root}-converted" if root in request["write_v21"] else root
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
    python, request = peer(options.venv), plan(options.long)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for root, writing in zip(OURS, ((LARGE, encode), (SMALL, encode), (SMALL, encode_av1)), strict=True):
            write_ours(folder / root, *writing)
        write_given(folder / "given", LONG if options.long else EPISODES)
        versions = run_inside(python, "lerobot_inside.py", folder, request)
        sets = compare_all(folder, request)
    agrees = all(one["agrees"] for one in sets.values())
    print(json.dumps({"agrees": agrees, **versions, "sets": sets}))
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
