"""Runs inside the `lerobot` package's environment: its loops drive a policy of Praxia. See `lerobot_acts.py`.

`request.json` has the `paths` of Praxia, of what the environment lacks for it, and of the tests.
"""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

folder = Path(sys.argv[1])
paths = json.loads((folder / "request.json").read_text())["paths"]
sys.path[:0] = paths
os.environ["PYTHONPATH"] = os.pathsep.join(paths)  # of the server

import gymnasium as gym  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from lerobot.configs.parser import load_plugin  # noqa: E402
from lerobot.configs.types import FeatureType, PolicyFeature  # noqa: E402
from lerobot.envs.configs import EnvConfig  # noqa: E402
from lerobot.envs.utils import preprocess_observation  # noqa: E402
from lerobot.policies.factory import get_policy_class, make_policy_config, make_pre_post_processors  # noqa: E402
from lerobot.processor import PolicyProcessorPipeline  # noqa: E402
from lerobot.scripts.lerobot_eval import eval_main, rollout  # noqa: E402
from lerobot.utils.control_utils import predict_action  # noqa: E402
from praxia_testing import TEXTS, make_config, make_policy  # noqa: E402
from serving_environment import KEY, serving  # noqa: E402

import praxia  # noqa: E402
from praxia.checkpoint.store import save_policy  # noqa: E402

ROBOTS, EPISODES, STEPS, SIDE, EXECUTION_HORIZON = 3, 2, 7, 16, 2


def observed(robot, episode, step):
    rng = np.random.default_rng((robot, episode, step))
    return rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8), rng.uniform(-1, 1, 3).astype(np.float32)


class Recorded(gym.Env):
    """A robot whose observations were drawn beforehand: as LeRobot's environments give them."""

    metadata = {"render_fps": 10, "render_modes": ["rgb_array"]}  # noqa: RUF012
    task_description, _max_episode_steps = TEXTS[0], STEPS
    action_space = gym.spaces.Box(-100, 100, (2,), np.float32)
    observation_space = gym.spaces.Dict(
        {
            "pixels": gym.spaces.Dict({"front": gym.spaces.Box(0, 255, (SIDE, SIDE, 3), np.uint8)}),
            "agent_pos": gym.spaces.Box(-1, 1, (3,), np.float32),
        }
    )

    render_mode = "rgb_array"

    def __init__(self, robot=0):
        self.robot, self.episode = robot, -1

    def reset(self, *, seed=None, options=None):
        self.episode, self.index = self.episode + 1, 0
        return self._observation(), {}

    def step(self, action):
        self.index += 1
        return self._observation(), float(action.sum()), False, self.index == STEPS, {"is_success": False}

    def render(self):
        return self._observation()["pixels"]["front"]

    def _observation(self):
        image, state = observed(self.robot, self.episode, self.index)
        return {"pixels": {"front": image}, "agent_pos": state}


@EnvConfig.register_subclass("recorded")
@dataclass
class RecordedEnv(EnvConfig):
    """How the command `lerobot-eval` finds such a robot."""

    task: str = "Robot-v0"
    features: dict = field(
        default_factory=lambda: {
            "action": PolicyFeature(FeatureType.ACTION, (2,)),
            "agent_pos": PolicyFeature(FeatureType.STATE, (3,)),
            "pixels/front": PolicyFeature(FeatureType.VISUAL, (SIDE, SIDE, 3)),
        }
    )
    features_map: dict = field(
        default_factory=lambda: {
            "action": "action",
            "agent_pos": "observation.state",
            "pixels/front": "observation.images.front",
        }
    )

    @property
    def gym_kwargs(self):
        return {}


def of_sessions():
    """Actions [robot, episode, step, A] and first chunks [robot, H, A] of Praxia's own sessions."""
    policy, actions, chunks = praxia.load(folder / "toy", device="cpu"), [], []
    for robot in range(ROBOTS):
        session = policy.session(execution_horizon=EXECUTION_HORIZON, key=f"session/{robot}")
        of_robot = []
        for episode in range(EPISODES):
            for step in range(STEPS):
                image, state = observed(robot, episode, step)
                of_robot.append(session.act({"images": {"front": image}, "state": state, "instruction": TEXTS[0]}))
            session.reset()
        actions.append(of_robot)
        image, state = observed(robot, 0, 0)
        observation = {"images": {"front": image}, "state": state, "instruction": TEXTS[0]}
        chunks.append(policy.session(key=f"session/{robot}").chunk(observation))
    return np.array(actions).reshape(ROBOTS, EPISODES, STEPS, -1), np.array(chunks)


def made(source):
    """A policy with its processors, by LeRobot's own factories."""
    config = make_policy_config("praxia", source=str(source), device="cpu", n_action_steps=EXECUTION_HORIZON)
    policy = get_policy_class("praxia")(config)
    policy.eval()
    return policy, *make_pre_post_processors(config)


def as_recording_does(source):
    """Robot 0 by `predict_action`: [episode, step, A]."""
    policy, before, after = made(source)
    actions = []
    for episode in range(EPISODES):
        policy.reset()
        for step in range(STEPS):
            image, state = observed(0, episode, step)
            seen = {"observation.images.front": image, "observation.state": state}
            actions.append(predict_action(seen, policy, torch.device("cpu"), before, after, False, TEXTS[0])[0].numpy())
    return np.array(actions).reshape(EPISODES, STEPS, -1)


def as_evaluation_does(source):
    """All robots at once, by the loop of `lerobot-eval`: [robot, episode, step, A]."""
    policy, before, after = made(source)
    env = gym.vector.SyncVectorEnv([lambda robot=robot: Recorded(robot) for robot in range(ROBOTS)])
    nothing = PolicyProcessorPipeline(steps=[])
    found = [rollout(env, policy, nothing, nothing, before, after)["action"].numpy() for _ in range(EPISODES)]
    return np.stack(found, axis=1)


def by_the_command(source):
    """The sums of the actions of robot 0's episodes, as `lerobot-eval` counts rewards."""
    gym.register("gym_recorded/Robot-v0", lambda: Recorded(), max_episode_steps=STEPS)
    out = folder / "evaluated"
    sys.argv = [
        "lerobot-eval",
        "--policy.discover_packages_path=praxia.integrations.lerobot",
        "--policy.type=praxia",
        f"--policy.source={source}",
        f"--policy.n_action_steps={EXECUTION_HORIZON}",
        '--policy.cameras={"front": "observation.images.front"}',
        "--policy.device=cpu",
        "--env.type=recorded",
        f"--eval.n_episodes={EPISODES}",
        "--eval.batch_size=1",
        f"--output_dir={out}",
    ]
    eval_main()
    (task,) = json.loads((out / "eval_info.json").read_text())["per_task"]
    return task["metrics"]["sum_rewards"]


def chunks_of(source):
    """The chunks at the first observation of all robots: [robot, H, A]."""
    policy, before, _ = made(source)
    images, states = zip(*(observed(robot, 0, 0) for robot in range(ROBOTS)), strict=True)
    seen = preprocess_observation({"pixels": {"front": np.stack(images)}, "agent_pos": np.stack(states)})
    return policy.predict_action_chunk(before({**seen, "task": [TEXTS[0]] * ROBOTS})).numpy()


def reloaded():
    """Whether a policy that LeRobot saved, as `--policy.path` needs it, acts as before."""
    policy, before, after = made(folder / "toy")
    for one in (policy, before, after):
        one.save_pretrained(folder / "saved")
    again = get_policy_class("praxia").from_pretrained(folder / "saved")
    image, state = observed(0, 0, 0)
    seen = {"observation.images.front": image, "observation.state": state}
    acting = ((policy, before, after), (again, *make_pre_post_processors(again.config, str(folder / "saved"))))
    first, second = (predict_action(seen, one, torch.device("cpu"), *steps, False, TEXTS[0]) for one, *steps in acting)
    return bool(torch.equal(first, second))


def main():
    torch.set_num_threads(1)
    load_plugin("praxia.integrations.lerobot")
    save_policy(folder / "toy", make_config(), make_policy().model.state_dict())
    actions, chunks = of_sessions()
    os.environ["PRAXIA_CLIENT_API_KEY"] = KEY
    sources = {}
    with serving(str(folder / "toy"), "--exact", "--device", "cpu") as port:
        for name, source in (("folder", folder / "toy"), ("server", f"ws://127.0.0.1:{port}")):
            sources[name] = {
                "predict_action": bool(np.array_equal(as_recording_does(source), actions[0])),
                "lerobot_eval": bool(np.array_equal(as_evaluation_does(source), actions)),
                "predict_action_chunk": bool(np.array_equal(chunks_of(source), chunks)),
            }
    shape = {"robots": ROBOTS, "episodes": EPISODES, "steps": STEPS, "spread": float(actions.std())}
    rewards = actions[0].sum(axis=-1).astype(np.float64).sum(axis=-1)
    by_command = bool(np.allclose(by_the_command(folder / "toy"), rewards, rtol=1e-12, atol=0))
    found = {**shape, "sources": sources, "command": by_command, "reloaded": reloaded()}
    (folder / "response.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
