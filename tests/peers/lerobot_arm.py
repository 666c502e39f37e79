"""Runs inside the `lerobot` package's own environment: records an arm of six joints as its users would.

Argument: a new folder, for 12 episodes of two tasks at 30 Hz, from cameras `top` and `side` of 480x640.
`build/lerobot-venv/bin/python tests/peers/lerobot_arm.py FOLDER` wrote `tests/frozen/lerobot/arm` with 0.4.4.
"""

import sys
from pathlib import Path

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from PIL import Image, ImageDraw

JOINTS = [
    f"{name}.pos" for name in ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
]
TASKS = ("Put the red block into the bin", "Put the blue block into the bin")
COLOURS = ((200, 40, 40), (40, 60, 200))
EPISODES, FRAMES, FPS = 12, 24, 30
HEIGHT, WIDTH = 480, 640


def trajectory(draw, task):
    """Joint angles in degrees [T, 6], from a drawn pose to the block of the task, and where that lies in [0, 1]."""
    block = draw.uniform(0.2, 0.45) + 0.35 * task
    begin = np.array([0, -40, 60, 20, 0, 50]) + draw.normal(0, 4, 6)
    end = np.array([60 * block - 30, 10, 20, 45, 90 * task, 5])
    along = (1 - np.cos(np.linspace(0, np.pi, FRAMES)))[:, None] / 2
    return (begin + along * (end - begin)).astype(np.float32), block


def links(joints, lift):
    """The corners of the arm in an image, in pixels: `lift` is how far each joint bends it there."""
    point, angle, points = np.array([320.0, 440.0]), -90.0, []
    for joint, bend, length in zip(joints, lift, (0, 130, 110, 70, 30, 20), strict=True):
        angle += joint * bend
        points.append(tuple(point))
        point = point + length * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    return [*points, tuple(point)]


def image(joints, block, task, lift):
    """uint8[480, 640, 3]: a table, a bin, the block and the arm."""
    canvas = Image.new("RGB", (WIDTH, HEIGHT), (225, 222, 214))
    pen = ImageDraw.Draw(canvas)
    pen.rectangle((0, 400, WIDTH, HEIGHT), fill=(150, 120, 90))
    pen.rectangle((540, 330, 620, 420), fill=(90, 90, 90))
    x = 60 + 420 * block
    pen.rectangle((x, 370, x + 36, 406), fill=COLOURS[task])
    pen.line(links(joints, lift), fill=(40, 40, 40), width=18, joint="curve")
    return np.asarray(canvas)


def main(root):
    video = {"dtype": "video", "shape": (HEIGHT, WIDTH, 3), "names": ["height", "width", "channels"]}
    numbers = {"dtype": "float32", "shape": (6,), "names": JOINTS}
    features = {"observation.images.top": video, "observation.images.side": video}
    features |= {"observation.state": numbers, "action": numbers}
    dataset = LeRobotDataset.create("local/arm", FPS, features, root=root, robot_type="so101_follower")
    draw = np.random.default_rng(0)
    for episode in range(EPISODES):
        task = episode % 2
        joints, block = trajectory(draw, task)
        for step, state in enumerate(joints):
            dataset.add_frame(
                {
                    "observation.images.top": image(state, block, task, (1, 0.4, 0.4, 0.2, 0, 0)),
                    "observation.images.side": image(state, block, task, (0.1, 1, 1, 1, 0, 0.2)),
                    "observation.state": state,
                    "action": joints[min(step + 1, FRAMES - 1)],
                    "task": TASKS[task],
                }
            )
        dataset.save_episode(parallel_encoding=False)
    dataset.finalize()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
