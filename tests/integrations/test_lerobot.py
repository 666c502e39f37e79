"""A policy of Praxia as one of LeRobot's, which is represented by what its 0.4.4 has of classes and steps.

`tests/peers/lerobot_acts.py` does the same with the package itself.
"""

import importlib
import sys
from dataclasses import dataclass, field
from enum import Enum
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from praxia_testing import TEXTS, make_config, make_policy
from serving_testing import Gated, Remembering, ServerThread
from torch import nn

import praxia
from praxia.checkpoint.store import save_policy
from praxia.core.errors import MismatchError, MissingPackage, PraxiaError, UnknownName

NAMES = [f"praxia.integrations.lerobot{end}" for end in ("", ".policy")]


class FeatureType(Enum):
    STATE = "STATE"
    VISUAL = "VISUAL"
    ACTION = "ACTION"


@dataclass
class PolicyFeature:
    type: FeatureType
    shape: tuple[int, ...]


@dataclass
class PreTrainedConfig:
    input_features: dict[str, PolicyFeature] = field(default_factory=dict)
    output_features: dict[str, PolicyFeature] = field(default_factory=dict)
    device: str | None = None

    @staticmethod
    def register_subclass(name):
        return lambda cls: cls


class PreTrainedPolicy(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config


class Step:
    def __init__(self, **options: Any):
        self.options = options


STAND_IN = {
    "lerobot": {},
    "lerobot.configs": {},
    "lerobot.configs.policies": {"PreTrainedConfig": PreTrainedConfig},
    "lerobot.configs.types": {"FeatureType": FeatureType, "PolicyFeature": PolicyFeature},
    "lerobot.policies": {},
    "lerobot.policies.pretrained": {"PreTrainedPolicy": PreTrainedPolicy},
    "lerobot.processor": {
        name: type(name, (Step,), {})
        for name in (
            "AddBatchDimensionProcessorStep",
            "DeviceProcessorStep",
            "PolicyProcessorPipeline",
            "RenameObservationsProcessorStep",
        )
    },
    "lerobot.processor.converters": {"policy_action_to_transition": None, "transition_to_policy_action": None},
    "lerobot.utils": {},
    "lerobot.utils.constants": {"POLICY_POSTPROCESSOR_DEFAULT_NAME": "a", "POLICY_PREPROCESSOR_DEFAULT_NAME": "b"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny policy that sees two observations of a camera and the state, and predicts four actions."""
    folder = tmp_path_factory.mktemp("toy")
    save_policy(folder / "policy", make_config(), make_policy().model.state_dict())
    return folder


@pytest.fixture
def plugin(monkeypatch):
    for name, content in STAND_IN.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    for name in NAMES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield importlib.import_module(NAMES[0])
    for name in NAMES:
        del sys.modules[name]


def observed(robot, step):
    rng = np.random.default_rng((robot, step))
    return rng.integers(0, 256, (16, 16, 3), np.uint8), rng.uniform(-1, 1, 3).astype(np.float32)


def batch_of(robots, step, **changes):
    """As LeRobot gives observations to a policy: images [B, 3, Y, X] in 0..1."""
    images, states = zip(*(observed(robot, step) for robot in robots), strict=True)
    images = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    batch = {
        "observation.images.front": images,
        "observation.images.unseen": images,
        "observation.state": torch.from_numpy(np.stack(states)),
        "task": [TEXTS[0]] * len(robots),
        "robot_type": "",
    }
    return {name: value for name, value in (batch | changes).items() if value is not None}


def plain(robot, step):
    image, state = observed(robot, step)
    return {"images": {"front": image}, "state": state, "instruction": TEXTS[0]}


@pytest.mark.parametrize("ensemble", [None, 0.1])
def test_each_row_acts_as_a_session(plugin, folder, ensemble):
    horizon = 2 if ensemble is None else None
    options = {"n_action_steps": horizon, "temporal_ensemble_coeff": ensemble, "key": "k"}
    policy = plugin.PraxiaPolicy(plugin.PraxiaConfig(source=str(folder), device="cpu", **options))
    policy.reset()
    loaded = praxia.load(folder, device="cpu")
    sessions = [loaded.session(execution_horizon=horizon, ensemble=ensemble, key=f"k/{row}") for row in range(2)]
    for _ in range(2):
        for step in range(5):
            found = policy.select_action(batch_of((0, 1), step))
            expected = np.stack([session.act(plain(row, step)) for row, session in enumerate(sessions)])
            np.testing.assert_array_equal(found.numpy(), expected)
        policy.reset()
        for session in sessions:
            session.reset()


def test_a_chunk_is_all_that_is_predicted(plugin, folder):
    policy = plugin.PraxiaPolicy(plugin.PraxiaConfig(source=str(folder), device="cpu", n_action_steps=2))
    found = policy.predict_action_chunk(batch_of((3,), 0, task=TEXTS[0]))
    expected = praxia.load(folder, device="cpu").session(key="session/0").chunk(plain(3, 0))
    assert found.shape == (1, 4, 2)
    np.testing.assert_array_equal(found[0].numpy(), expected)


def test_a_served_policy_acts_as_in_process(plugin, folder):
    with ServerThread({"toy": make_policy()}, exact=True) as server:
        source = f"ws://127.0.0.1:{server.port}"
        policy = plugin.PraxiaPolicy(plugin.PraxiaConfig(source=source, device="cpu"))
        found = [policy.select_action(batch_of((0,), step))[0].numpy() for step in range(5)]
    session = praxia.load(folder, device="cpu").session(key="session/0")
    np.testing.assert_array_equal(found, [session.act(plain(0, step)) for step in range(5)])


def test_each_row_of_a_served_policy_has_a_memory_of_its_own(plugin):
    with ServerThread({"toy": Remembering()}) as server:
        source = f"ws://127.0.0.1:{server.port}"
        policy = plugin.PraxiaPolicy(plugin.PraxiaConfig(source=source, device="cpu"))
        for _ in range(2):
            sums = np.zeros(2, np.float32)
            for step in range(3):
                sums += [observed(robot, step)[1][0] for robot in (0, 1)]
                found = policy.select_action(batch_of((0, 1), step)).numpy()
                np.testing.assert_array_equal(found, np.stack([np.full(2, step, np.float32), sums], axis=1))
            policy.reset()


def test_a_row_is_not_given_to_another_policy_than_the_first(plugin):
    with ServerThread({"toy": Gated()}) as server:
        source = f"ws://127.0.0.1:{server.port}"
        policy = plugin.PraxiaPolicy(plugin.PraxiaConfig(source=source, device="cpu"))
        policy.select_action(batch_of((0,), 0))
        server.policies[0]._identity = "another", None
        with pytest.raises(
            PraxiaError, match=r"expected the policy that ws://\S+ served at the beginning, got another"
        ):
            policy.select_action(batch_of((0, 1), 1))


def test_it_says_what_it_sees_and_gives(plugin, folder):
    config = plugin.PraxiaConfig(source=str(folder), device="cpu", cameras={"front": "observation.image"})
    policy = plugin.PraxiaPolicy(config, dataset_stats=None)
    assert config.input_features == {
        "observation.image": PolicyFeature(FeatureType.VISUAL, (3, 16, 16)),
        "observation.state": PolicyFeature(FeatureType.STATE, (3,)),
    }
    assert config.output_features == {"action": PolicyFeature(FeatureType.ACTION, (2,))}
    image = batch_of((0,), 0)["observation.images.front"]
    renamed = batch_of((0,), 0, **{"observation.images.front": None, "observation.image": image})
    assert policy.select_action(renamed).shape == (1, 2)
    assert not list(policy.parameters())


def test_processors_do_not_normalise(plugin):
    before, after = plugin.make_praxia_pre_post_processors(plugin.PraxiaConfig(device="cpu"), dataset_stats={})
    assert [type(step).__name__ for step in before.options["steps"]] == [
        "RenameObservationsProcessorStep",
        "AddBatchDimensionProcessorStep",
        "DeviceProcessorStep",
    ]
    assert [type(step).__name__ for step in after.options["steps"]] == ["DeviceProcessorStep"]


def test_what_does_not_fit_is_refused(plugin, folder):
    with pytest.raises(PraxiaError, match=r"expected --policy\.source"):
        plugin.PraxiaPolicy(plugin.PraxiaConfig(device="cpu"))
    actions = {"action": PolicyFeature(FeatureType.ACTION, (7,))}
    with pytest.raises(MismatchError, match=r"expected action of \[2\] as the policy has it, got \[7\]"):
        plugin.PraxiaPolicy(plugin.PraxiaConfig(source=str(folder), device="cpu", output_features=actions))
    with pytest.raises(UnknownName, match="embodiment of this policy"):
        plugin.PraxiaPolicy(plugin.PraxiaConfig(source=str(folder), device="cpu", embodiment="tox"))
    policy = plugin.PraxiaPolicy(plugin.PraxiaConfig(source=str(folder), device="cpu"))
    with pytest.raises(MismatchError, match=r"camera 'front' as 'observation.images.front', got observation.images.un"):
        policy.select_action(batch_of((0,), 0, **{"observation.images.front": None}))
    with pytest.raises(MismatchError, match="a state of 3 numbers, got none"):
        policy.select_action(batch_of((0,), 0, **{"observation.state": None}))
    with pytest.raises(PraxiaError, match="use praxia train"):
        policy.forward({})


def test_without_lerobot_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lerobot", None)
    for name in NAMES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(MissingPackage, match="a policy of LeRobot needs the package lerobot: pip install lerobot"):
        importlib.import_module(NAMES[0])
