"""The first steps of training on one's own data: seconds until the first line and the plan, memory, and 20 steps.

The data set is one that a robot of six joints with two cameras of 480 x 640 would record: 12 episodes of 150 steps in
H.264, two tasks. Each recipe runs in a process of its own, with no further option and without cached images.

    python speed/first_steps.py [--recipes act,flow,diffusion-policy-unet] [--json]
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.types import Start
from praxia.data.episode import Episode
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode

HEIGHT, WIDTH, EPISODES, LENGTH, STEPS = 480, 640, 12, 150, 20
TASKS = ("pick up the cube", "put down the cube")
JOINTS = (Field("joints", 6, "position", "rad"),)
ARM = Embodiment("arm", JOINTS, JOINTS, (Camera("top", HEIGHT, WIDTH), Camera("side", HEIGHT, WIDTH)), control_hz=30.0)


def episode(index: int) -> Episode:
    """Joints that wander, and a red square that two of them move over a gradient."""
    rng = np.random.default_rng(index)
    joints = np.cumsum(rng.normal(scale=0.02, size=(LENGTH, 6)), axis=0).astype(np.float32)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    background = np.stack([columns * 255 // WIDTH, rows * 255 // HEIGHT, (rows + columns) // 8 % 256], axis=-1)
    images = np.repeat(background.astype(np.uint8)[None], LENGTH, axis=0)
    for image, (x, y) in zip(images, 100 * np.tanh(3 * joints[:, :2]), strict=True):
        image[HEIGHT // 2 + int(y) :, WIDTH // 2 + int(x) :][:40, :40] = (255, 40, 40)
    end = np.arange(LENGTH) == LENGTH - 1
    return Episode(
        embodiment=ARM,
        images={"top": images, "side": images[:, :, ::-1]},
        state=joints,
        action=joints,
        executed_action=joints,
        reward=np.zeros(LENGTH, np.float32),
        success=end,
        terminated=end,
        truncated=np.zeros(LENGTH, bool),
        instruction=TASKS[index % 2],
        task=f"task-{index % 2}",
        start=Start("arm", f"task-{index % 2}", {"index": index}),
    )


def measure(recipe: str, data: Path, folder: Path) -> dict[str, Any]:
    """One run of `STEPS` steps: wall seconds until lines of its stderr, CPU seconds, and peak memory in MB."""
    command = [sys.executable, "-m", "praxia", "train", recipe, "--data", str(data), "--out", str(folder / recipe)]
    environment = {**os.environ, "PRAXIA_CACHE": str(folder / f"cache-{recipe}")}
    began_s = time.monotonic()
    process = subprocess.Popen(
        [*command, "--train.steps", str(STEPS)], stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stderr is not None
    found: dict[str, Any] = {"recipe": recipe}
    for line in process.stderr:
        now_s = round(time.monotonic() - began_s, 1)
        found.setdefault("first_line_s", now_s)
        if "model:" in line:
            found["plan_s"] = now_s
        if planned := re.search(r"about (\S+) s per step", line):
            found |= {"cost_s": now_s, "planned_step_s": float(planned[1])}
    _, process.returncode, used = os.wait4(process.pid, 0)
    assert process.returncode == 0, recipe
    cpu_s, all_s = round(used.ru_utime + used.ru_stime, 1), round(time.monotonic() - began_s, 1)
    return {**found, "all_s": all_s, "cpu_s": cpu_s, "mb": used.ru_maxrss // 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipes", default="act,flow,diffusion-policy-unet")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "set"
        begin_recording(data, {})
        for index in range(EPISODES):
            stage_episode(data, index, episode(index))
        finalize(data, ARM, {})
        results = [measure(recipe, data, Path(folder)) for recipe in options.recipes.split(",")]
    print(json.dumps(results) if options.json else "\n".join(map(str, results)))


if __name__ == "__main__":
    main()
