"""Does the `lerobot` package open what `praxia data edit` makes, and read every item of it as we do?

    python tests/peers/lerobot_opens_edits.py [--venv build/lerobot-venv]

A command, not a test of the suite; installs a stock `lerobot` as `lerobot_agrees.py` does. Our own data sets, and one
that the package itself wrote, go through every operation. Prints one JSON verdict; exit code 0 if everything agrees.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "data")]

import lerobot_agrees as agrees  # noqa: E402
import synthetic  # noqa: E402

from praxia.data.compact import compact  # noqa: E402
from praxia.data.dataset import Dataset  # noqa: E402
from praxia.data.edit import rows  # noqa: E402
from praxia.data.edit.operations import delete, merge, rename, split, trim  # noqa: E402
from praxia.data.recording import begin  # noqa: E402
from praxia.data.staging import stage_episode  # noqa: E402


def edited(folder: Path, ours: Path, theirs: Path) -> list[Path]:
    """Every operation on both, and one operation after another."""
    rows.MIN_LINKED_BYTES = 0  # so that files that stay as they are occur among these small ones
    second = folder / "second"
    begin(second, {"peer": True})
    for index in range(30, 33):
        stage_episode(second, index, synthetic.episode(index))
    compact(second, synthetic.BODY, {"peer": True})
    delete(ours, "3,7-9,22", folder / "deleted")
    split(ours, [folder / "part", folder / "rest"], fractions=[0.25, 0.75])
    merge([folder / "rest", second, folder / "part"], folder / "merged")
    trim(ours, folder / "trimmed", threshold=0.45, frames=0)
    text = "push object 2 to the wall"
    rename(ours, folder / "renamed", features={"front": "top"}, instructions={text: "push it"}, embodiment="other")
    delete(folder / "trimmed", "0,5", folder / "trimmed-deleted")
    delete(theirs, "1", folder / "theirs-deleted")
    merge([theirs, folder / "theirs-deleted"], folder / "theirs-merged")
    trim(theirs, folder / "theirs-trimmed", threshold=0.2, frames=0)
    rename(theirs, folder / "theirs-renamed", features={"top": "front", "observation.state": "observation.joints"})
    return [
        path for path in sorted(folder.iterdir()) if (path / "meta").is_dir() and path not in (ours, theirs, second)
    ]


def compare(ours: Dataset, read: dict[str, np.ndarray]) -> tuple[list[str], int]:
    """Which features differ in any item, and the largest difference of any pixel."""
    differing, worst = [], 0
    for name, theirs in read.items():
        if name == "task":
            tasks = ours.column("task_index")[:, 0]
            same = theirs.tolist() == [ours.instructions[task] for task in tasks]
        elif name.startswith("observation.images."):
            frames = ours.decode(name.removeprefix("observation.images."), np.arange(ours.num_frames))
            worst = max(worst, int(np.abs(frames.astype(int) - theirs).max()))
            same = True
        else:
            same = np.array_equal(ours.column(name), theirs.reshape(len(theirs), -1))
        differing += [] if same else [name]
    return differing, worst


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", type=Path, default=Path("build/lerobot-venv"))
    python = agrees.peer(parser.parse_args().venv.absolute())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        offline = {"HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}

        def inside(*arguments: object) -> None:
            command = [python, HERE / "lerobot_opens_inside.py", *map(str, arguments)]
            subprocess.run(command, check=True, stdout=sys.stderr, env=os.environ | offline)

        ours = agrees.write_ours(folder / "ours")
        inside("write", folder / "theirs")
        made = edited(folder, ours.root, folder / "theirs")
        inside("read", *made)
        found = {path.name: (Dataset(path), dict(np.load(path.with_suffix(".npz")))) for path in made}
        results = {name: compare(data, read) for name, (data, read) in found.items()}
        frames = {name: data.num_frames for name, (data, _) in found.items()}
    verdict = {
        "agrees": all(not differing and pixels <= agrees.TOLERANCE for differing, pixels in results.values()),
        "items": frames,
        "differing": {name: differing for name, (differing, _) in results.items() if differing},
        "max_abs_pixel_difference": max(pixels for _, pixels in results.values()),
        "lerobot": agrees.LEROBOT,
    }
    print(json.dumps(verdict))
    return 0 if verdict["agrees"] else 1


if __name__ == "__main__":
    sys.exit(main())
