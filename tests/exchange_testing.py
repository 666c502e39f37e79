"""The contents of the sources in the exchange tests, by episode and name."""

import zlib

import numpy as np

# Episode numbers, sorted as numbers and not as names.
EPISODES = (0, 2, 10)
INSTRUCTION = "put the cube into the other hand"
LOW = {"robot0_eef_pos": 3, "robot0_eef_quat": 4, "robot0_gripper_qpos": 2, "robot0_joint_pos": 7, "object": 10}


def length(episode):
    return 3 + episode % 4


def values(what, episode, dims):
    """Float64 with more digits than a float32 holds."""
    return np.random.default_rng([zlib.crc32(what.encode()), episode]).normal(size=(length(episode), dims))


def all_values(what, dims, episodes=EPISODES):
    """Values of all episodes, as float32."""
    return np.concatenate([values(what, episode, dims) for episode in episodes]).astype(np.float32)
