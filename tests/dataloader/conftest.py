"""Data sets of one robot at other rates, with cameras of other names and sizes."""

from dataclasses import replace

import numpy as np
import pytest
from data_fixtures import *  # noqa: F403 - the fixtures

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.data.dataset import Dataset
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode

STATE = (Field("hand", 3, "position", "m"), Field("grip", 1, "gripper", "", low=0.0, high=1.0))
ACTION = (
    Field("move", 2, "delta", "m", low=-1.0, high=1.0),
    Field("close", 1, "gripper", ""),
    Field("turn", 1, "velocity", "rad/s"),
    Field("lift", 2, "position", "m"),
    Field("push", 1, "torque", "N m"),
    Field("mode", 1, "discrete", ""),
)


@pytest.fixture(scope="session")
def embodiment():
    """Actions of every kind, at 50 Hz."""
    return Embodiment("every-kind", STATE, ACTION, (Camera("front", 64, 64), Camera("wrist", 48, 80)), 50.0)


@pytest.fixture(scope="session")
def episode_of(synthetic, embodiment):
    """`episode_of(index, embodiment)`: the images of any camera but "wrist" are labelled ("front", index, frame)."""

    def make(index, like=embodiment):
        original = synthetic.episode(index)
        draw, n = np.random.default_rng(1000 + index), len(original)
        images = {}
        for camera in like.cameras:
            frames = original.images["wrist" if camera.name == "wrist" else "front"]
            rows = np.arange(camera.height) * frames.shape[1] // camera.height
            columns = np.arange(camera.width) * frames.shape[2] // camera.width
            images[camera.name] = frames[:, rows][:, :, columns]
        action = draw.normal(size=(n, 8)).astype(np.float32)
        return replace(original, embodiment=like, images=images, action=action, executed_action=action)

    return make


@pytest.fixture(scope="session")
def record_as(tmp_path_factory, episode_of):
    """`record_as(embodiment, indices)`: the folder of a data set of those episodes."""

    def do(like, indices):
        root = tmp_path_factory.mktemp("part") / like.name
        begin_recording(root, {})
        for at, index in enumerate(indices):
            stage_episode(root, at, episode_of(index, like))
        finalize(root, like, {})
        return root

    return do


FAST, SLOW = (0, 1, 3), (4, 6)


@pytest.fixture(scope="session")
def fast(record_as, embodiment):
    """Episodes 0, 1 and 3 of the robot."""
    return record_as(embodiment, FAST)


@pytest.fixture(scope="session")
def other(embodiment):
    """Another robot: 20 Hz, its one camera is wide and called "top", its fields have other names."""
    names = {"hand": "ee_pos", "move": "ee_delta"}
    fields = {
        what: tuple(replace(part, name=names.get(part.name, part.name)) for part in getattr(embodiment, what))
        for what in ("state", "action")
    }
    return replace(embodiment, name="other", control_hz=20.0, cameras=(Camera("top", 48, 80),), **fields)


@pytest.fixture(scope="session")
def slow(record_as, other):
    """Episodes 4 and 6 of the other robot."""
    return record_as(other, SLOW)


@pytest.fixture(scope="session")
def opened(fast):
    return Dataset(fast)
