"""A policy of the `lerobot` package, run by its own code under Praxia's evaluator. Written for lerobot 0.4.4.

In this folder, in an environment with both packages:

    export LEROBOT_POLICY=outputs/train/my_act/checkpoints/last/pretrained_model
    praxia eval lerobot_policy:make --data held/out --out act-offline.jsonl
    praxia eval lerobot_policy:make --benchmark tabletop/train --episodes 20 --out act.jsonl

`select_action` is called at every step, as `lerobot-eval` does, so the policy's own `n_action_steps`, history and
temporal ensembling apply. Cameras are matched by name; a function of your own maps other names:

    def make(embodiment):
        return lerobot_policy.load("outputs/...", embodiment, cameras={"top": "workspace"})

LeRobot's files state neither units nor rate: whether they are those of the benchmark only you can know.
"""

import copy
import os
from importlib.metadata import version
from pathlib import Path

import torch
from lerobot.configs.policies import PreTrainedConfig
from lerobot.policies.factory import get_policy_class, make_pre_post_processors
from lerobot.policies.utils import prepare_observation_for_inference

import praxia
from praxia.core.files import sha256_file
from praxia.core.keys import seed
from praxia.data.images import letterbox

STATE, IMAGES = "observation.state", "observation.images."


def make(embodiment):
    """The policy in the folder that $LEROBOT_POLICY names, for a robot whose cameras have the names of its data."""
    if "LEROBOT_POLICY" not in os.environ:
        raise praxia.PraxiaError("set LEROBOT_POLICY to the folder of a LeRobot policy, .../pretrained_model")
    return load(os.environ["LEROBOT_POLICY"], embodiment)


def load(folder, embodiment, *, cameras=None):
    """The policy in `folder`, with its pre- and postprocessors, as a policy for `embodiment`.

    `cameras` maps the policy's names of cameras to those of the embodiment. Images of another size than the policy's
    are letterboxed to it.

    Raises:
        PraxiaError: the policy needs a state, actions or a camera that the embodiment does not have.
    """
    config = PreTrainedConfig.from_pretrained(folder)
    policy = get_policy_class(config.type).from_pretrained(folder, config=config)
    preprocess, postprocess = make_pre_post_processors(
        config, str(folder), preprocessor_overrides={"device_processor": {"device": config.device}}
    )
    sizes = {name: tuple(feature.shape[-2:]) for name, feature in config.image_features.items()}
    source = {name: (cameras or {}).get(short_name(name), short_name(name)) for name in sizes}
    expect_fit(config, source, embodiment)
    device = torch.device(config.device)

    def begin(key):
        own, steps = without_history(policy), 0

        def act(observation):
            nonlocal steps
            images = {name: letterbox(observation["images"][source[name]], size) for name, size in sizes.items()}
            batch = {STATE: observation["state"], **images}
            batch = prepare_observation_for_inference(batch, device, observation["instruction"])
            # The noise of a step depends on the episode and the step alone.
            with torch.inference_mode(), torch.random.fork_rng():
                torch.manual_seed(seed(key, steps))
                action = own.select_action(preprocess(batch))
            steps += 1
            return postprocess(action)[0]

        return act

    files = sorted(file for file in Path(folder).iterdir() if file.suffix in (".json", ".safetensors"))
    fingerprint = {"lerobot": version("lerobot"), **{file.name: sha256_file(file) for file in files}}
    return praxia.FunctionPolicy(embodiment, begin, cameras=list(source.values()), horizon=1, fingerprint=fingerprint)


def short_name(feature):
    """The camera of a feature: "top" of "observation.images.top"."""
    return feature.removeprefix(IMAGES)


def expect_fit(config, source, embodiment):
    """Refuse an embodiment whose vectors or cameras are not those of the policy."""
    wanted = {
        "state dims": (config.robot_state_feature.shape[0], embodiment.state_dim),
        "action dims": (config.action_feature.shape[0], embodiment.action_dim),
    }
    for what, (theirs, ours) in wanted.items():
        if theirs != ours:
            raise praxia.PraxiaError(f"the LeRobot policy has {theirs} {what}, but {embodiment.name} has {ours}")
    available = [camera.name for camera in embodiment.cameras]
    for feature, camera in source.items():
        if camera not in available:
            raise praxia.PraxiaError(
                f"the LeRobot policy sees {feature}, but {embodiment.name} has cameras {', '.join(available)}:"
                f' map it with load(..., cameras={{"{short_name(feature)}": NAME}})'
            )


def without_history(policy):
    """A copy that shares the weights and has queues of its own, so that many episodes can run at once."""
    shared = {id(tensor): tensor for tensor in (*policy.parameters(), *policy.buffers())}
    own = copy.deepcopy(policy, shared)
    own.reset()
    return own
