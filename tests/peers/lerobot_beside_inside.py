"""Runs inside the `lerobot` package's environment: it writes a data set, and Praxia reads, checks and learns from it.

`request.json` has the `paths` of Praxia and of what the environment lacks for it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

folder = Path(sys.argv[1])
paths = json.loads((folder / "request.json").read_text())["paths"]
sys.path[:0] = paths

import lerobot_writes  # noqa: E402
import numpy as np  # noqa: E402
from lerobot.datasets.lerobot_dataset import LeRobotDataset  # noqa: E402

import praxia  # noqa: E402

EPISODES, FPS, STEPS = 4, 10, 5


def run(command):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    subprocess.run([sys.executable, "-m", "praxia", *map(str, command)], check=True, env=environment)


def check_frames(data, root):
    """Every state as lerobot reads it, and images up to rounding."""
    theirs = LeRobotDataset("local/set", root=root, video_backend="pyav")
    for index in range(0, len(theirs), 13):
        row = theirs[index]
        mine = data.episode(int(row["episode_index"]))
        step = int(row["frame_index"])
        np.testing.assert_array_equal(mine.state[step], row["observation.state"].numpy())
        image = np.round(row["observation.images.top"].numpy() * 255).transpose(1, 2, 0)
        assert np.abs(mine.images("top", [step])[0] - image).max() <= 4


def learn(root):
    run(["data", "check", root])
    run(["train", "act", "--data", root, "--train.steps", STEPS, "--train.batch-size", 4, "--out", folder / "act"])
    policy = praxia.load(folder / "act")
    images = {camera.name: np.zeros((480, 640, 3), np.uint8) for camera in policy.embodiment.cameras}
    observation = {"images": images, "state": np.zeros(2, np.float32), "instruction": "touch the block"}
    return policy.session().act(observation)


def main():
    root = folder / "set"
    lerobot_writes.write(root, folder / "given", "h264", EPISODES, FPS, many_files=False)
    data = praxia.open(root)
    check_frames(data, root)
    action = learn(root)
    assert action.shape == (2,)
    assert np.isfinite(action).all()
    response = {"episodes": len(data), "steps": STEPS, "action": action.tolist()}
    (folder / "response.json").write_text(json.dumps(response))


main()
