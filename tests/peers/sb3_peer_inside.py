"""Runs in the environment of stable-baselines3: trains, and prints one JSON object. See `sb3_peer.py`."""

import json
import sys
import time
import warnings

import gymnasium
import numpy as np
import stable_baselines3
from stable_baselines3 import SAC
from stable_baselines3.common.env_checker import check_env

import praxia.integrations.gymnasium  # noqa: F401

ENV, TASK, EPISODES = "praxia/tworoom-v0", "same-room", 20


def success(choose):
    """The share of episodes, from starts that were not trained on, in which the goal was ever reached."""
    env, reached = gymnasium.make(ENV, task=TASK, split="test"), 0
    for episode in range(EPISODES):
        observation, _ = env.reset(seed=episode)
        ended, ever = False, False
        while not (ended or ever):
            observation, _, terminated, truncated, info = env.step(choose(observation))
            ended, ever = terminated or truncated, info["is_success"]
        reached += ever
    return reached / EPISODES


def main(steps, seed):
    env = gymnasium.make(ENV, task=TASK)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
    space = gymnasium.make(ENV, task=TASK).action_space
    space.seed(seed)
    chance = success(lambda observation: space.sample())
    # Rewards are up to 0.14 a step: SAC's own entropy coefficient, which begins at 1, would outweigh them for too long.
    options = {"ent_coef": 0.005, "gamma": 0.95, "policy_kwargs": {"net_arch": [64, 64]}}
    model, began_s = SAC("MlpPolicy", env, seed=seed, **options), time.perf_counter()
    model.learn(steps)
    seconds = time.perf_counter() - began_s
    ended = np.asarray(model.replay_buffer.dones[:steps], bool)
    found = {
        "stable_baselines3": stable_baselines3.__version__,
        "gymnasium": gymnasium.__version__,
        "random": chance,
        "trained": success(lambda observation: model.predict(observation, deterministic=True)[0]),
        "steps": steps,
        "seconds": round(seconds, 1),
        "cut_off": int(ended.sum()),
        "bootstrapped": int(np.asarray(model.replay_buffer.timeouts[:steps], bool)[ended].sum()),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
