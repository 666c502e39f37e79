"""Runs inside the `lerobot` package's own environment: its reading of our data set, and a data set it writes itself.

Arguments: a folder with `ours/` (a data set of ours) and `ask.json`. Leaves `read.npz`, `theirs/` and `answer.json`.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset


def bytes_of(pictures):
    """float [..., C, Y, X] in 0..1 -> uint8[..., Y, X, C]."""
    return np.moveaxis((pictures.numpy() * 255).round().astype(np.uint8), -3, -1)


def open_set(root, **options):
    """The package's own choice of video backend where it works here, else its other one."""
    for backend in (None, "pyav"):
        try:
            opened = LeRobotDataset("local/set", root=root, video_backend=backend, **options)
            opened[0]
            return opened, opened.video_backend
        except (ImportError, RuntimeError, OSError) as error:
            failure = error
    raise failure


def read(root, windows):
    """Every frame's columns and pictures, and every frame's windows, as arrays."""
    plain, backend = open_set(root)
    arrays = {}
    items = [plain[index] for index in range(len(plain))]
    for name in items[0]:
        values = [item[name] for item in items]
        if name.startswith("observation.images."):
            arrays[f"frame/{name}"] = np.stack([bytes_of(value) for value in values])
        else:
            arrays[f"frame/{name}"] = (
                np.array(values) if name == "task" else np.stack([value.numpy() for value in values])
            )
    windowed, _ = open_set(root, delta_timestamps={name: [k / plain.fps for k in at] for name, at in windows.items()})
    items = [windowed[index] for index in range(len(windowed))]
    for name in windows:
        values = [item[name] for item in items]
        picture = name.startswith("observation.images.")
        arrays[f"window/{name}"] = np.stack([bytes_of(value) if picture else value.numpy() for value in values])
        arrays[f"pad/{name}"] = np.stack([item[f"{name}_is_pad"].numpy() for item in items])
    return arrays, backend, plain.num_episodes


def write(root, lengths, backend):
    """A data set by the package's own writer, H.264, three episodes; what it put in, exactly."""
    features = {
        "observation.images.top": {"dtype": "video", "shape": (64, 96, 3), "names": ["height", "width", "channels"]},
        "observation.state": {"dtype": "float32", "shape": (2,), "names": ["a", "b"]},
        "action": {"dtype": "float32", "shape": (1,), "names": ["a"]},
    }
    made = LeRobotDataset.create("local/theirs", 10, features, root=root, vcodec="h264", video_backend=backend)
    draw = np.random.default_rng(0)
    kept = {"state": [], "action": [], "picture": []}
    for episode, length in enumerate(lengths):
        for step in range(length):
            picture = np.full((64, 96, 3), 20 + 10 * step, dtype=np.uint8)
            picture[:, : 24 * (episode + 1)] = 200
            state, action = draw.normal(size=2).astype(np.float32), draw.normal(size=1).astype(np.float32)
            frame = {"observation.images.top": picture, "observation.state": state, "action": action}
            made.add_frame({**frame, "task": f"task {episode % 2}"})
            for name, value in (("state", state), ("action", action), ("picture", picture)):
                kept[name].append(value)
        made.save_episode()
    made.finalize()
    return {f"theirs/{name}": np.stack(values) for name, values in kept.items()}


def main(folder):
    ask = json.loads((folder / "ask.json").read_text())
    arrays, backend, episodes = read(folder / "ours", ask["windows"])
    arrays |= write(folder / "theirs", ask["lengths"], backend)
    np.savez(folder / "read.npz", **arrays)
    answer = {"lerobot": version("lerobot"), "torch": version("torch"), "video_backend": backend, "episodes": episodes}
    (folder / "answer.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
