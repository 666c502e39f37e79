from dataclasses import replace

import numpy as np
import pytest
import torch
from latent_testing import optimise, present_queries
from world_testing import expect_world

from praxia.checkpoint.store import load_model, load_world
from praxia.core.errors import MismatchError
from praxia.data.dataset import Dataset
from praxia.nn.types import Shapes
from praxia.nn.world import World
from praxia.planning.blocks import Blocks
from praxia.planning.cem import CEM
from praxia.planning.gradient import Gradient
from praxia.planning.objectives import GoalDistance
from praxia.planning.planner import Planner
from praxia.recipes.worlds import lewm_tworoom
from praxia.training import engine
from praxia.worlds.decoder import Decoded


@pytest.fixture
def world(build, data, small_run):
    """A world of a model whose gates are open, so that actions count."""
    model = build()
    torch.manual_seed(1)
    for name, value in model.named_parameters():
        if "modulate" in name:
            torch.nn.init.normal_(value, std=0.3)
    windows, transforms, _ = data
    return small_run.model.make_world(model, transforms, windows.embodiments, small_run.window, masked=True)


def test_a_world_keeps_what_the_interface_promises(world):
    assert isinstance(world, World)
    assert (world.stride, world.window.observation_steps) == (5, {"image.top": (0,)})
    actions = torch.rand(3, 25, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    expect_world(world, present_queries(3), actions)
    with pytest.raises(MismatchError, match="expected a multiple of 5 actions, got 7"):
        world.imagine(world.start(present_queries(1)), actions[:1, :7])


@pytest.mark.parametrize(
    "solver", [CEM(samples=24, iterations=3, elites=4, returns="best"), Gradient(samples=4, iterations=5)]
)
def test_a_planner_finds_a_plan_that_brings_the_latent_nearer_to_the_goals(world, solver):
    """The distances are computed anew, for each row alone and from the images themselves."""
    goal = GoalDistance(goal={"image.top": "image.goal"})
    planner = Planner(world, goal, solver, Blocks(count=2, steps=5), max_rows=10)
    shown, ends = present_queries(3), present_queries(6)[3:]
    queries = [
        replace(
            one, history=(replace(now := one.history[0], images={**now.images, "goal": end.history[0].images["top"]}),)
        )
        for one, end in zip(shown, ends, strict=True)
    ]
    decisions, _ = planner.act(queries, planner.start(3))
    assert planner.window.cameras == ("top", "goal")

    def distance(row, actions):
        found = world.imagine(world.start([shown[row]]), actions[None]).latents[:, -1]
        return float((found - world.start([ends[row]]).latent).square().mean())

    for row, decision in enumerate(decisions):
        assert decision.chunk.shape == (10, 2)
        assert np.abs(decision.chunk).max() <= 1
        assert distance(row, torch.from_numpy(decision.chunk)) < distance(row, torch.zeros(10, 2))


def test_actions_have_gradients_which_are_those_of_differences(world):
    state = world.start(present_queries(2))
    actions = torch.zeros(2, 10, 2, requires_grad=True)
    found = world.imagine(state, actions).latents[:, -1].square().sum()
    found.backward()
    assert (actions.grad.abs().amax(2) > 0).all(), "every action counts"
    step = torch.zeros(2, 10, 2)
    step[1, 3, 0] = 0.02
    up, down = (world.imagine(state, sign * step).latents[:, -1].square().sum() for sign in (1, -1))
    assert float(actions.grad[1, 3, 0]) == pytest.approx(float((up - down).detach()) / 0.04, rel=0.05, abs=1e-3)


def test_imagining_is_what_training_predicts(world, batch_of, data):
    """One block from a frame alone, by a batch of the data and by the world, in declared units."""
    windows, _, _ = data
    rows = np.array([0, 40, 80])
    batch, samples = batch_of(rows), windows.read(rows)
    latents = world.model.encode(batch)[:, -1:]
    blocks = batch.action.flatten(1)[:, None]
    expected = world.model.predict(latents, torch.ones(3, 1, dtype=torch.bool), blocks)
    state = world.start(present_queries(3))
    state = replace(state, latents=latents)
    found = world.imagine(state, torch.from_numpy(samples.action)).latents
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_what_is_not_valid_changes_nothing(build, batch_of):
    model, rows = build().eval(), np.array([2, 12, 27])  # near the beginning, in the middle, at the end
    batch = batch_of(rows)
    assert not batch.image_valid["top"].all()
    assert not batch.target_image_valid["top"].all()
    generator = torch.Generator()

    @torch.no_grad()
    def loss(batch):
        return float(model.loss(batch, generator.manual_seed(0))[0])

    def scrambled(images, valid):
        noise = torch.randint(0, 256, images.shape, dtype=torch.uint8)
        return torch.where(valid[:, :, None, None, None], images, noise)

    other = replace(
        batch,
        images={"top": scrambled(batch.images["top"], batch.image_valid["top"])},
        target_images={"top": scrambled(batch.target_images["top"], batch.target_image_valid["top"])},
        past_action=torch.where(batch.past_action_valid[..., None], batch.past_action, 99.0),
    )
    assert loss(other) == pytest.approx(loss(batch), rel=1e-5)
    # Of the frames 2-10, 2-5, 2, 7 one transition is within the episode, of those around 12 all three, at the end two.
    assert int(model.num_valid(batch)) == 1 + 3 + 2


def test_it_overfits_a_few_windows(build, batch_of):
    batch = batch_of(np.array([10, 12, 14, 40, 44, 72, 76, 104]))
    metrics = optimise(build(), batch, 100)
    assert metrics[-1]["prediction"] < 0.05 * metrics[0]["prediction"]
    assert metrics[-1]["latent_std"] > 0.4


def test_latents_collapse_without_sigreg_and_not_with_it(build, batch_of):
    batch = batch_of(np.arange(0, 112, 7))
    stds = {weight: optimise(build(sigreg_weight=weight), batch, 80)[-1]["latent_std"] for weight in (0.0, 0.09)}
    assert stds[0.0] < 0.35 < 0.6 < stds[0.09], stds


def test_it_is_trained_saved_resumed_and_loaded_by_the_same_engine_and_store(walks, small_run, tmp_path):
    whole = engine.train(small_run, [walks], tmp_path / "whole", recipe="lewm-tworoom", command="")

    def stop(step, metrics):
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.train(small_run, [walks], tmp_path / "run", recipe="lewm-tworoom", command="", report=stop)
    resumed = engine.train(small_run, [walks], tmp_path / "run", recipe="lewm-tworoom", command="", resume=True)
    assert resumed["weights_sha256"] == whole["weights_sha256"]
    actions, (first, identity), (second, _) = (
        torch.ones(2, 10, 2),
        *(load_world(tmp_path / one) for one in ("run", "whole")),
    )
    assert identity.to_json() == {name: whole[name] for name in ("policy_sha256", "weights_sha256")}
    imagined = [world.imagine(world.start(present_queries(2)), actions).latents for world in (first, second)]
    assert torch.equal(*imagined)
    assert load_model(tmp_path / "run")[1].window == small_run.window


def test_windows_and_encoders_that_do_not_fit_are_refused(build, data, small_run, batch_of):
    batch = batch_of(np.array([15]))
    fewer = {name: getattr(batch, name)[:, 5:] for name in ("past_action", "past_action_valid")}
    batch = replace(batch, **fewer)
    with pytest.raises(MismatchError, match=r"expected a window with 15 actions.*, got 10"):
        build().loss(batch, torch.Generator())
    with pytest.raises(MismatchError, match="a horizon of a multiple of 5 steps, got 7"):
        small_run.model.build(replace(data[2], horizon=7))
    both = data[0].embodiments * 2
    with pytest.raises(MismatchError, match="got 2 embodiments"):
        small_run.model.make_world(build(), data[1], both, small_run.window, masked=True)


def test_several_embodiments_are_refused_before_anything_is_built():
    shapes = Shapes(("top",), 2, 2, ((2, 2), (3, 3)), 5, 1)
    with pytest.raises(MismatchError, match="a latent world is of one embodiment, got data of 2"):
        lewm_tworoom().model.build(shapes)


@pytest.mark.parametrize("decoded", [False, True])
def test_relative_actions_are_refused_before_training(small_run, walks, tmp_path, decoded):
    window = replace(small_run.window, observation_steps={**small_run.window.observation_steps, "state": (0,)})
    model = Decoded(small_run.model) if decoded else small_run.model
    run = replace(small_run, window=window, relative=True, model=model)
    with pytest.raises(MismatchError, match="learns from absolute ones; leave out --relative"):
        run.relative_actions([Dataset(walks).embodiment])
    if not decoded:
        with pytest.raises(MismatchError, match="leave out --relative"):
            engine.train(run, [walks], tmp_path / "run", recipe="lewm-tworoom", command="")
        assert not (tmp_path / "run").exists()
