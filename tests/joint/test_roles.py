from dataclasses import replace

import numpy as np
import pytest
import torch
from world_testing import expect_world

from praxia.checkpoint.store import load_policy, load_world
from praxia.core.errors import MismatchError
from praxia.dataloader.mixture_config import DatasetEntry, MixtureConfig
from praxia.dataloader.view import DatasetView
from praxia.joint.roles import JointRoles
from praxia.training import engine
from praxia.transforms.relative import RelativeActions

KEYS = ["a", "b", "c"]


def test_a_world_of_a_joint_model_keeps_what_the_interface_promises(model_of, data, small_run, queries):
    world = small_run.model.make_world(
        model_of(opened=True), data[1], data[0].embodiments, small_run.window, masked=True
    )
    assert world.stride == 8
    actions = torch.rand(3, 16, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    expect_world(world, queries(3), actions)
    wanted = actions.clone().requires_grad_()
    world.imagine(world.start(queries(3)), wanted).latents.square().sum().backward()
    assert wanted.grad is not None
    assert (wanted.grad.abs().sum((1, 2)) > 0).all()
    with pytest.raises(MismatchError, match="multiple of 8"):
        world.imagine(world.start(queries(3)), actions[:, :5])


def test_a_run_becomes_a_policy_and_a_world(demonstrations, small_run, queries, tmp_path):
    engine.train(small_run, [demonstrations], tmp_path / "run", recipe="uwm-tworoom", command="")
    policy, identity = load_policy(tmp_path / "run")
    world, same = load_world(tmp_path / "run")
    assert identity == same
    asked = queries(3)
    decisions, _ = policy.act(asked, policy.start(3))
    alone, _ = policy.act(asked[1:2], policy.start(1))
    assert decisions[0].chunk.shape == (8, 2)
    np.testing.assert_allclose(alone[0].chunk, decisions[1].chunk, atol=1e-5)
    assert not np.allclose(decisions[0].chunk, decisions[2].chunk)
    assert world.imagine(world.start(asked), torch.zeros(3, 8, 2)).latents.shape == (3, 1, 1, 16)


def test_labelled_episodes_and_video_train_together(demonstrations, small_run, queries, tmp_path):
    entries = (
        DatasetEntry(str(demonstrations), episodes=(0, 1)),
        DatasetEntry(str(demonstrations), DatasetView(actions=False), episodes=(2, 3)),
    )
    engine.train(small_run, MixtureConfig(entries), tmp_path / "run", recipe="uwm-tworoom", command="")
    policy, _ = load_policy(tmp_path / "run")
    decisions, _ = policy.act(queries(2), policy.start(2))
    assert np.isfinite(decisions[0].chunk).all()


def test_each_role_answers_what_it_is_asked(model_of, data):
    windows, transforms, _ = data
    roles = JointRoles(model_of(opened=True), transforms, windows.embodiments[0])
    samples = windows.read(np.array([0, 10, 40]))
    policy, inverse = roles.policy(samples, KEYS), roles.inverse(samples, KEYS)
    forward, video = roles.forward(samples, KEYS), roles.video(samples, KEYS)
    action, future = roles.both(samples, KEYS)
    assert policy.shape == inverse.shape == action.shape == (3, 8, 2)
    assert forward.shape == video.shape == future.shape == (3, 4, 1, 16)
    assert np.array_equal(roles.policy(samples, KEYS), policy)
    unknown = replace(samples, action=None, action_valid=None)
    assert np.array_equal(roles.policy(unknown, KEYS), policy)
    assert np.array_equal(roles.inverse(unknown, KEYS), inverse)
    assert np.array_equal(roles.video(unknown, KEYS), video)
    assert not np.allclose(roles.forward(replace(samples, action=-samples.action), KEYS), forward)
    blind = replace(samples, target_images={name: 255 - one for name, one in samples.target_images.items()})
    assert np.array_equal(roles.policy(blind, KEYS), policy)
    assert not np.allclose(roles.inverse(blind, KEYS), inverse)


def test_relative_actions_are_refused(model_of, data, small_run):
    windows, transforms, _ = data
    (own,) = transforms.embodiments
    relative = replace(transforms, embodiments=(replace(own, relative=RelativeActions((0, 1), (0, 1))),))
    with pytest.raises(MismatchError, match="absolute"):
        JointRoles(model_of(), relative, windows.embodiments[0])
    with pytest.raises(MismatchError, match="absolute"):
        small_run.model.make_world(model_of(), relative, windows.embodiments, small_run.window, masked=True)
