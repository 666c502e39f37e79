"""Runs inside the `lerobot` package's own environment: writes a data set for speed/loader.py, or loads it.

Argument: a folder with `request.json`, whose "do" is "write" or "load". Writes `response.json`.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot_inside import video_backend

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "speed"))

from measuring import MemoryMonitor, touch
from scenes import CAMERAS, Scene

FPS = 30
NUMBERS = {"observation.state": 8, "action": 7}


def write(root, episodes, steps, size):
    """A data set by the package's own writer and settings, encoded while recording with queues that never fill up."""
    video = {"dtype": "video", "shape": (size, size, 3), "names": ["height", "width", "channels"]}
    features = {f"observation.images.{camera}": video for camera in CAMERAS} | {
        name: {"dtype": "float32", "shape": (dims,), "names": [f"{name}.{i}" for i in range(dims)]}
        for name, dims in NUMBERS.items()
    }
    options = {"streaming_encoding": True, "encoder_queue_maxsize": steps}
    dataset = LeRobotDataset.create("local/set", FPS, features, root=root, video_backend=video_backend(), **options)
    draw = np.random.default_rng(0)
    for episode in range(episodes):
        scenes = {camera: Scene(camera, episode, size) for camera in CAMERAS}
        for step in range(steps):
            frame = {name: draw.normal(size=dims).astype(np.float32) for name, dims in NUMBERS.items()}
            frame |= {f"observation.images.{camera}": scene.image(step) for camera, scene in scenes.items()}
            dataset.add_frame({**frame, "task": f"task {episode % 4}"})
        dataset.save_episode()
        print(f"wrote episode {episode + 1} of {episodes}", file=sys.stderr)
    dataset.finalize()


def load(root, batch_size, workers, horizon, warm_up, batches):
    """Samples per second of the package's data set under a shuffling torch DataLoader, and its workers' memory."""
    ahead = {"action": [step / FPS for step in range(horizon)]}
    opened = LeRobotDataset("local/set", root=root, delta_timestamps=ahead, video_backend=video_backend())
    drawn = torch.Generator().manual_seed(0)
    loader = torch.utils.data.DataLoader(
        opened, batch_size, shuffle=True, num_workers=workers, drop_last=True, generator=drawn
    )
    began_s = 0.0
    with MemoryMonitor() as monitor:
        for number, batch in enumerate(loader):
            if number == warm_up:
                began_s = time.perf_counter()
            for camera in CAMERAS:
                touch(batch[f"observation.images.{camera}"].numpy())
            assert batch["action"].shape == (batch_size, horizon, NUMBERS["action"])
            if number == warm_up + batches:
                break
        took_s = time.perf_counter() - began_s
    return {
        "samples_per_s": batches * batch_size / took_s,
        "mb_per_worker": monitor.per_worker,
        "mb_all_workers": monitor.all_workers,
        "versions": {name: version(name) for name in ("lerobot", "torch", "av")} | {"backend": opened.video_backend},
    }


def main(folder):
    request = json.loads((folder / "request.json").read_text())
    response = {"write": write, "load": load}[request.pop("do")](Path(request.pop("root")), **request)
    (folder / "response.json").write_text(json.dumps(response))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
