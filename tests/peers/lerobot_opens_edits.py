"""Does the `lerobot` package open the results of `praxia data edit`, and read every item as we do?

    python tests/peers/lerobot_opens_edits.py [--venv build/lerobot-venv]

A command, not a test of the suite; it installs a stock `lerobot` like `lerobot_agrees.py`. Data sets of ours, of the
package's own writer (H.264 in many files, AV1, images) and in the layout before v3.0 go through the operations. Columns
are compared exactly, images with the package's decoding; the suite proves that they are the right ones. Prints one JSON
verdict; exit code 0 if everything agrees.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from lerobot_agrees import EPISODES, FPS, SMALL, write_given, write_ours
from lerobot_compare import IMAGES, TOLERANCE
from lerobot_environment import FOLDER, peer, run_inside

from praxia.data.dataset import Dataset
from praxia.data.video import encode
from praxia.datatools.edit import rows
from praxia.datatools.edit.operations import delete, merge, rename, split, trim

TEXT = "push object 2 to the wall"


def write_theirs(python: Path, folder: Path) -> None:
    """Data sets of the package's own writer, in several forms."""
    case = {"episodes": EPISODES, "fps": FPS}
    write = {
        "theirs-h264": {**case, "codec": "h264", "many_files": True},
        "theirs-av1": {**case, "codec": "libsvtav1", "many_files": False},
        "theirs-images": {**case, "codec": "png", "many_files": False},
    }
    request = {"write": write, "write_v21": {"v21": {**case, "codec": "h264"}}, "read": {"theirs-images": {}}}
    run_inside(python, "lerobot_inside.py", folder, request)
    shutil.rmtree(folder / "read")


def edit_all(folder: Path, edited: Path) -> None:
    """Apply every operation to data sets of ours and of the package, and several in sequence."""
    rows.MIN_LINKED_BYTES = 0  # so that unchanged files are linked even among these small ones
    ours = folder / "ours"
    delete(ours, "3,7-9,22", edited / "deleted")
    split(ours, [edited / "part", edited / "rest"], fractions=[0.25, 0.75])
    merge([edited / "rest", edited / "part"], edited / "merged")
    trim(ours, edited / "trimmed", threshold=0.45, frames=0)
    rename(ours, edited / "renamed", features={"front": "top"}, instructions={TEXT: "push it"}, embodiment="other")
    delete(edited / "trimmed", "0,5", edited / "trimmed-deleted")
    for name in ("theirs-h264", "theirs-av1", "theirs-images", "v21"):
        delete(folder / name, "1,10-12", edited / f"{name}-deleted")
        trim(folder / name, edited / f"{name}-trimmed", threshold=0.45, frames=0)
        merge([edited / f"{name}-deleted", edited / f"{name}-trimmed"], edited / f"{name}-merged")
        names = {"front": "top", "observation.state": "observation.joints"}
        rename(folder / name, edited / f"{name}-renamed", features=names, instructions={TEXT: "push it"})


def compare(ours: Dataset, read: dict[str, np.ndarray]) -> dict[str, Any]:
    """Which features differ in any item, and the largest pixel difference."""
    differing, largest = [], 0
    for name in (name for name in read if name.startswith("frame/")):
        feature, theirs = name.removeprefix("frame/"), read[name]
        if feature.startswith(IMAGES):
            mine = ours.decode(feature.removeprefix(IMAGES), np.arange(ours.num_frames))
            largest = max(largest, int(np.abs(mine.astype(int) - theirs).max()))
        elif feature == "task":
            mine = [ours.instructions[task] for task in ours.column("task_index")[:, 0]]
            differing += [feature] if theirs.tolist() != mine else []
        else:
            mine = ours.column(feature)
            differing += [] if np.array_equal(mine, theirs.reshape(len(theirs), -1)) else [feature]
    unreadable = int((~read["readable"]).sum())
    found = {"items": ours.num_frames, "differing": differing, "unreadable": unreadable, "max_pixel": largest}
    return {"agrees": not differing and not unreadable and largest <= TOLERANCE, **found}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, default=FOLDER)
    python = peer(parser.parse_args().venv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_ours(folder / "ours", SMALL, encode)
        write_given(folder / "given", EPISODES)
        write_theirs(python, folder)
        edit_all(folder, folder / "edited")
        names = sorted(path.name for path in (folder / "edited").iterdir())
        request = {"write": {}, "write_v21": {}, "read": {name: {} for name in names}}
        (folder / "edited" / "given").mkdir()
        versions = run_inside(python, "lerobot_inside.py", folder / "edited", request)
        read = folder / "edited" / "read"
        sets = {name: compare(Dataset(folder / "edited" / name), dict(np.load(read / f"{name}.npz"))) for name in names}
    agrees = all(one["agrees"] for one in sets.values())
    print(json.dumps({"agrees": agrees, **versions, "sets": sets}))
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
