"""Runs inside the `lerobot` package's environment: its policies act under Praxia as they do under its own code.

`request.json` has the `paths` of Praxia, of what the environment lacks for it, and of the examples.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

folder = Path(sys.argv[1])
paths = json.loads((folder / "request.json").read_text())["paths"]
sys.path[:0] = paths

import numpy as np  # noqa: E402
import torch  # noqa: E402
from lerobot.configs.types import FeatureType, PolicyFeature  # noqa: E402
from lerobot.policies.act.configuration_act import ACTConfig  # noqa: E402
from lerobot.policies.diffusion.configuration_diffusion import DiffusionConfig  # noqa: E402
from lerobot.policies.factory import get_policy_class, make_pre_post_processors  # noqa: E402
from lerobot.utils.control_utils import predict_action  # noqa: E402

from praxia.core.keys import seed  # noqa: E402
from praxia.core.types import Observation, Query  # noqa: E402
from praxia.envs import find_family  # noqa: E402
from praxia.evaluation.benchmarks import find_benchmark  # noqa: E402
from praxia.evaluation.policy_entry import find_policy  # noqa: E402

STEPS, SIDE, TASK = 12, 64, "move to the red disc"
INPUTS = {
    "observation.images.top": PolicyFeature(FeatureType.VISUAL, (3, SIDE, SIDE)),
    "observation.state": PolicyFeature(FeatureType.STATE, (2,)),
}
OUTPUTS = {"action": PolicyFeature(FeatureType.ACTION, (2,))}
SMALL_ACT = {
    "chunk_size": 8,
    "dim_model": 32,
    "n_heads": 2,
    "dim_feedforward": 64,
    "n_encoder_layers": 1,
    "n_vae_encoder_layers": 1,
    "latent_dim": 4,
    "pretrained_backbone_weights": None,
}
SHARED = {"input_features": INPUTS, "output_features": OUTPUTS, "device": "cpu"}
CONFIGS = {
    "act": ACTConfig(n_action_steps=5, **SMALL_ACT, **SHARED),
    "act-ensembled": ACTConfig(n_action_steps=1, temporal_ensemble_coeff=0.01, **SMALL_ACT, **SHARED),
    "diffusion": DiffusionConfig(
        n_obs_steps=2,
        horizon=8,
        n_action_steps=4,
        crop_shape=(56, 56),
        down_dims=(16, 32),
        diffusion_step_embed_dim=16,
        spatial_softmax_num_keypoints=8,
        num_inference_steps=4,
        **SHARED,
    ),
}
STATS = {
    "observation.images.top": {"mean": torch.full((3, 1, 1), 0.4), "std": torch.full((3, 1, 1), 0.3)},
    "observation.state": {"mean": torch.tensor([0.1, -0.2]), "std": torch.tensor([0.5, 0.7])},
    "action": {"mean": torch.tensor([0.3, 0.0]), "std": torch.tensor([0.2, 0.4])},
}
for values in STATS.values():
    values |= {"min": values["mean"] - 2 * values["std"], "max": values["mean"] + 2 * values["std"]}


def save(config, target):
    """A policy with random weights, saved by lerobot with its processors."""
    torch.manual_seed(0)
    policy = get_policy_class(config.type)(config)
    policy.save_pretrained(target)
    for processor in make_pre_post_processors(config, dataset_stats=STATS):
        processor.save_pretrained(target)


def observations(episode):
    rng = np.random.default_rng(episode)
    images = rng.integers(0, 256, (STEPS, SIDE, SIDE, 3), np.uint8)
    return images, rng.normal(0, 0.4, (STEPS, 2)).astype(np.float32)


def theirs(config, target, episode):
    """The actions of lerobot's own code, whose noise is drawn as the example draws it."""
    policy = get_policy_class(config.type).from_pretrained(target)
    pre, post = make_pre_post_processors(config, str(target))
    policy.reset()
    images, states = observations(episode)
    actions = []
    for step in range(STEPS):
        torch.manual_seed(seed(f"episode-{episode}", step))
        observation = {"observation.images.top": images[step], "observation.state": states[step]}
        actions.append(predict_action(observation, policy, torch.device("cpu"), pre, post, False, TASK)[0].numpy())
    return np.stack(actions)


def ours(num_episodes):
    """The actions of interleaved episodes under Praxia, as its loop asks for them."""
    policy = find_policy("lerobot_policy:make", find_benchmark("reach"), exact=True).policy
    carry, actions = policy.start(num_episodes), []
    for step in range(STEPS):
        queries = []
        for episode in range(num_episodes):
            images, states = observations(episode)
            observation = Observation({"top": images[step]}, states[step], TASK, step / 10)
            queries.append(Query((observation,), f"episode-{episode}", step, episode))
        decisions, carry = policy.act(queries, carry)
        assert not any(one.fault for one in decisions), decisions[0].fault
        actions.append([one.chunk[0] for one in decisions])
    return np.array(actions).transpose(1, 0, 2)


def evaluate(name):
    """The summary of `praxia eval --json`."""
    command = [
        "-m",
        "praxia",
        "eval",
        "lerobot_policy:make",
        "--benchmark",
        "reach",
        "--episodes",
        "2",
        "--workers",
        "1",
    ]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    out = ["--out", folder / f"{name}.jsonl", "--json"]
    done = subprocess.run([sys.executable, *command, *out], check=True, env=environment, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def main():
    assert find_family("reach").embodiment(find_benchmark("reach").spec("reach-red")).cameras[0].height == SIDE
    policies = {}
    for name, config in CONFIGS.items():
        target = folder / name
        save(config, target)
        os.environ["LEROBOT_POLICY"] = str(target)
        expected, found = np.stack([theirs(config, target, episode) for episode in range(2)]), ours(2)
        result = evaluate(name)
        policies[name] = {
            "equal": bool(np.array_equal(expected, found)),
            "largest_difference": float(np.abs(expected - found).max()),
            "spread": float(expected.std()),
            "episodes": result["episodes"],
            "faults": result["faults"],
            "claimed_lerobot": result["fingerprint"]["claim"]["fingerprint"]["lerobot"],
        }
    (folder / "response.json").write_text(json.dumps({"steps": STEPS, "policies": policies}))


if __name__ == "__main__":
    main()
