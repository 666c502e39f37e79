"""Runs inside the `lerobot` package's own environment: writes data sets with it, and reads those and ours.

Argument: a folder with `request.json` and `given/`, the episodes to write. Writes the requested data sets,
`read/NAME.npz` for each one to read, and `response.json`.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import lerobot_writes
import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.datasets.video_utils import FrameTimestampError


def video_backend():
    """The package's default video backend if its library loads (the package does not try), else "pyav"."""
    try:
        import torchcodec.decoders  # noqa: F401
    except (ImportError, RuntimeError, OSError):
        return "pyav"
    return None


def as_array(name, value):
    """An item's value; images float [..., C, Y, X] in 0..1 -> uint8[..., Y, X, C]."""
    if name.startswith("observation.images.") and not name.endswith("_is_pad"):
        return np.moveaxis((value.numpy() * 255).round().astype(np.uint8), -3, -1)
    return np.array(value) if isinstance(value, str) else value.numpy()


def all_items(opened):
    """Every item's values by name, and which items the package can read; the values of the others are zero."""
    arrays, readable = {}, np.ones(len(opened), dtype=bool)
    for index in range(len(opened)):
        try:
            item = {name: as_array(name, value) for name, value in opened[index].items()}
        except (FrameTimestampError, RuntimeError):
            readable[index] = False
            continue
        for name, value in item.items():
            if name not in arrays:
                dtype = "U100" if value.dtype.kind == "U" else value.dtype
                arrays[name] = np.zeros((len(opened), *value.shape), dtype=dtype)
            arrays[name][index] = value
    return arrays, readable


def read(root, windows):
    """The columns and images of every frame, and the requested windows of every frame."""
    plain = LeRobotDataset("local/set", root=root, video_backend=video_backend())
    frames, readable = all_items(plain)
    found = {f"frame/{name}": values for name, values in frames.items()} | {"readable": readable}
    if windows:
        delta_timestamps = {name: [step / plain.fps for step in steps] for name, steps in windows.items()}
        opened = LeRobotDataset(
            "local/set", root=root, delta_timestamps=delta_timestamps, video_backend=video_backend()
        )
        items, found["windows_readable"] = all_items(opened)
        for name in windows:
            found[f"window/{name}"], found[f"pad/{name}"] = items[name], items[f"{name}_is_pad"]
    return found, plain.video_backend


def main(folder):
    request = json.loads((folder / "request.json").read_text())
    for name, case in request["write"].items():
        lerobot_writes.write(folder / name, folder / "given", **case)
    for name, case in request["write_v21"].items():
        lerobot_writes.write_v21(folder / name, folder / "given", **case)
        lerobot_writes.convert_v21(folder / name, folder / f"{name}-converted")
    (folder / "read").mkdir()
    for name, windows in request["read"].items():
        print(f"lerobot reads {name}", file=sys.stderr)
        found, backend = read(folder / name, windows)
        np.savez(folder / "read" / f"{name}.npz", **found)
    response = {name: version(name) for name in ("lerobot", "torch", "av")} | {"video_backend": backend}
    (folder / "response.json").write_text(json.dumps(response))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
