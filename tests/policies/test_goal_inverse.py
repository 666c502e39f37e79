"""An amortised planner: a policy on a frozen world's latents, in training and in use."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from latent_testing import goal_queries

from praxia.checkpoint.store import load_model, load_policy, read_config
from praxia.collect.plan import CollectionPlan
from praxia.collect.runner import collect
from praxia.core.errors import MismatchError, PraxiaError
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import NoText
from praxia.envs import find_family
from praxia.heads.autoregressive import Autoregressive
from praxia.heads.decoders import PrefixTransformer
from praxia.heads.regression import Regression
from praxia.nn.types import Shapes
from praxia.policies.encoder_head import EncoderHead
from praxia.policies.goal_inverse import GoalInverse
from praxia.recipes.tworoom import GOAL, TO_GOAL, goal_inverse_tworoom
from praxia.recipes.worlds import lewm_tworoom
from praxia.training import engine
from praxia.training.initial_checkpoint import InitialCheckpoint

SHAPES = Shapes(("top", "goal"), 2, 0, ((4, 2),), 10, 8)
SMALL = FilmCNN(text=NoText(), channels=(8, 8, 16, 16), width=32)


def short(run, **changes):
    train = replace(run.train, steps=3, batch_size=8, log_every=1, warmup_steps=1, ema_decay=0.5)
    return replace(run, train=train, only_success=False, **changes)


@pytest.fixture(scope="module")
def walks(tmp_path_factory):
    root = tmp_path_factory.mktemp("walks") / "data"
    plan = CollectionPlan(
        "tworoom", ("any",), 3, horizon=30, size=16, cameras=("top",), noise=(0.0,), policy="random", seed=1
    )
    collect(plan, root, find_family("tworoom"))
    return root


@pytest.fixture(scope="module")
def world(walks, tmp_path_factory):
    """The run of a small LeWM."""
    out, run = tmp_path_factory.mktemp("world") / "run", lewm_tworoom()
    model = replace(run.model, encoder=SMALL, width=16, depth=1, projector_width=32, num_projections=16)
    engine.train(short(run, model=model), [walks], out, recipe="lewm-tworoom", command="")
    return out


@pytest.fixture(scope="module")
def inverse(walks, world, tmp_path_factory):
    out = tmp_path_factory.mktemp("inverse") / "run"
    engine.train(short(goal_inverse_tworoom()), [walks], out, recipe="goal", command="", start_from=world)
    return out


def test_the_policy_holds_the_whole_world_as_it_was(world, inverse):
    (within, config, _), (alone, own, _) = load_model(inverse), load_model(world)
    assert config.model.world == own.model
    stored = {name.removeprefix("encoder.world."): value for name, value in within.state_dict().items()}
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(stored[name], value, rtol=0, atol=0)
    assert read_config(inverse)[0].provenance["start_from"]["policy_sha256"] == read_config(world)[1].policy_sha256


def test_it_reads_the_latents_of_present_and_goal(world, inverse):
    policy, _ = load_policy(inverse)
    queries = goal_queries(3)
    encoder, batch = policy.model.encoder, policy.batch(queries)
    found = encoder(batch)
    model, *_ = load_model(world)
    latents = []
    for camera in ("top", "goal"):
        alone = replace(batch, images={"top": batch.images[camera]}, image_valid={"top": batch.image_valid[camera]})
        latents.append(model.encode(alone)[:, 0, 0])
    wanted = torch.stack([encoder.present_in(latents[0]), encoder.goal_in(latents[1])], 1)
    torch.testing.assert_close(found.tokens, wanted)
    assert found.mask.all()
    assert policy.window.cameras == ("top", "goal")
    (decision, *_), _ = policy.act(queries, policy.start(3))
    assert decision.chunk.shape == (10, 2)
    assert np.isfinite(decision.chunk).all()


def test_a_goal_that_is_not_valid_is_masked(inverse):
    policy, _ = load_policy(inverse)
    batch = policy.batch(goal_queries(2))
    valid = {**batch.image_valid, "goal": torch.tensor([[False], [True]])}
    unseen = replace(batch, image_valid=valid)
    other = replace(unseen, images={**batch.images, "goal": 255 - batch.images["goal"]})
    found, changed = (policy.model.encoder(one) for one in (unseen, other))
    assert found.mask.tolist() == [[True, False], [True, True]]
    differ = (found.readout() != changed.readout()).any(1)
    assert differ.tolist() == [False, True]


def test_what_was_trained_can_be_tuned_further(walks, inverse, tmp_path):
    engine.train(
        short(goal_inverse_tworoom()), [walks], tmp_path / "run", recipe="goal", command="", start_from=inverse
    )
    (before, *_), (after, *_) = load_model(inverse), load_model(tmp_path / "run")
    changed = [name for name, value in after.state_dict().items() if not torch.equal(value, before.state_dict()[name])]
    assert changed
    assert not [name for name in changed if "world" in name]


def test_a_world_is_needed(walks, tmp_path):
    with pytest.raises(PraxiaError, match="expected --start-from RUN, a trained model to build on"):
        engine.train(short(goal_inverse_tworoom()), [walks], tmp_path / "run", recipe="goal", command="")


def test_a_policy_is_no_world(walks, inverse, tmp_path):
    cloning = short(goal_inverse_tworoom(), model=EncoderHead(SMALL, Regression()), window=TO_GOAL)
    engine.train(cloning, [walks], tmp_path / "cloned", recipe="cloned", command="")
    with pytest.raises(MismatchError, match="a world with latents of frames, got model 'encoder-head'"):
        engine.train(
            short(goal_inverse_tworoom()),
            [walks],
            tmp_path / "run",
            recipe="goal",
            command="",
            start_from=tmp_path / "cloned",
        )


@pytest.mark.parametrize(
    ("goal", "shapes"),
    [
        ({}, SHAPES),
        ({"image.front": "image.goal"}, SHAPES),
        (GOAL, replace(SHAPES, num_images=4)),
        (GOAL, replace(SHAPES, cameras=("top", "side", "goal"), num_images=3)),
    ],
)
def test_each_camera_has_a_goal(goal, shapes):
    with pytest.raises(MismatchError, match="the present image of each camera and one of its goal"):
        GoalInverse(Regression(), lewm_tworoom().model, goal).build(shapes)


def test_a_world_of_other_actions_does_not_fit(world):
    config, identity = read_config(world)
    model = goal_inverse_tworoom().model.built_on(config.model)
    initial = InitialCheckpoint(world, model, identity, config.transforms, part=model.base_name)
    assert initial.weights_for(model.build(SHAPES), SHAPES)
    others = replace(SHAPES, embodiment_dims=((4, 3),))
    with pytest.raises(MismatchError, match=r"do not fit into 'encoder\.world', the first 'encoder\.world\.predictor"):
        initial.weights_for(model.build(others), others)


def test_a_head_learns_from_the_data_as_without_a_world(walks, world, tmp_path):
    model = replace(goal_inverse_tworoom().model, head=Autoregressive("bins", PrefixTransformer(width=16, depth=1)))
    run = short(goal_inverse_tworoom(), model=model)
    engine.train(run, [walks], tmp_path / "run", recipe="goal", command="", start_from=world)
    policy, _ = load_policy(tmp_path / "run")
    (decision,), _ = policy.act(goal_queries(1), policy.start(1))
    assert decision.chunk.shape == (10, 2)
