from dataclasses import replace

import numpy as np
import pytest
import torch
from latent_testing import optimise, present_queries, record_walks
from world_testing import expect_world

from praxia.checkpoint.store import load_model, load_world, read_config
from praxia.core.errors import MismatchError, PraxiaError
from praxia.dataloader.mixture_config import MixtureConfig
from praxia.encoders.state_only import StateOnly
from praxia.heads.regression import Regression
from praxia.nn.world import Decodes, World
from praxia.policies.encoder_head import EncoderHead
from praxia.recipes.worlds import world_decoder
from praxia.training import engine
from praxia.worlds.decoder import Decoded, Decoder, square


@pytest.fixture(scope="module")
def decoder_run():
    run = world_decoder()
    train = replace(run.train, steps=4, batch_size=8, warmup_steps=1, log_every=1, checkpoint_s=0.0)
    return replace(run, model=replace(run.model, width=32, image_size=16), train=train)


@pytest.fixture(scope="module")
def world_folder(walks, small_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("world") / "run"
    engine.train(small_run, [walks], folder, recipe="lewm-tworoom", command="")
    return folder


@pytest.fixture(scope="module")
def decoded_folder(walks, decoder_run, world_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("decoded") / "run"
    engine.train(decoder_run, [walks], folder, recipe="world-decoder", command="", start_from=world_folder)
    return folder


@pytest.fixture
def model(small_run, decoder_run, data):
    torch.manual_seed(0)
    return replace(decoder_run.model, world=small_run.model).build(data[2])


@pytest.mark.parametrize("tokens", [1, 4])
def test_a_decoder_draws_what_the_latents_tell(tokens):
    """Six images in which one of six regions is bright, beside the mean of all six, which needs no latent."""
    torch.manual_seed(0)
    latents, images = torch.randn(6, tokens, 12), torch.full((6, 3, 16, 16), 40, dtype=torch.uint8)
    for row in range(6):
        y, x = 8 * (row // 3), 5 * (row % 3)
        images[row, :, y : y + 8, x : x + 5] = 220
    target = square(images, 16)
    decoder = Decoder(12, Decoded(width=16, image_size=16))
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=3e-3)
    for _ in range(200):
        loss = (decoder(latents) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    of_mean = (target - target.mean(0)).square().mean()
    assert float(loss.detach()) < 0.15 * float(of_mean)


def test_no_gradient_and_no_statistic_reaches_the_world(model, batch_of):
    before = {name: value.clone() for name, value in model.world.state_dict().items()}
    drawn = {name: value.clone() for name, value in model.decoders.state_dict().items()}
    optimise(model, batch_of(np.array([10, 40, 72, 104])), 3)
    assert all(torch.equal(value, before[name]) for name, value in model.world.state_dict().items())
    assert not any(torch.equal(value, drawn[name]) for name, value in model.decoders.state_dict().items())


def test_frames_that_are_not_valid_change_nothing(model, batch_of):
    batch = batch_of(np.array([2, 12]))
    valid = batch.image_valid["top"]
    assert int(model.num_valid(batch)) == int(valid.sum()) < valid.numel()
    noise = torch.randint(0, 256, batch.images["top"].shape, dtype=torch.uint8)
    other = replace(batch, images={"top": torch.where(valid[..., None, None, None], batch.images["top"], noise)})
    first, second = (model.loss(one, torch.Generator())[0] for one in (batch, other))
    assert torch.equal(first, second)


def test_one_checkpoint_holds_the_world_as_it_was_and_its_decoder(decoded_folder, world_folder):
    whole, config, _ = load_model(decoded_folder)
    alone, alone_config, identity = load_model(world_folder)
    weights, parts = alone.state_dict(), whole.world.state_dict()
    assert weights.keys() == parts.keys()
    assert all(torch.equal(value, parts[name]) for name, value in weights.items())
    assert config.model.world == alone_config.model
    assert (config.transforms, config.window) == (alone_config.transforms, alone_config.window)
    assert config.provenance["start_from"]["policy_sha256"] == identity.policy_sha256


def test_it_imagines_as_the_world_does_and_decodes(decoded_folder, world_folder):
    world, alone = (load_world(one)[0] for one in (decoded_folder, world_folder))
    assert isinstance(world, World)
    assert isinstance(world, Decodes)
    assert not isinstance(alone, Decodes)
    actions = torch.rand(2, 10, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    queries = present_queries(2)
    imagined, same = (one.imagine(one.start(queries), actions) for one in (world, alone))
    assert torch.equal(imagined.latents, same.latents)
    images = world.decode(imagined.state)
    assert images.keys() == {"top"}
    assert (images["top"].shape, images["top"].dtype) == ((2, 16, 16, 3), np.uint8)


def test_a_decoded_world_keeps_what_the_interface_promises(small_run, decoder_run, model, data):
    for name, value in model.world.named_parameters():
        if "modulate" in name:
            torch.nn.init.normal_(value, std=0.3)
    config = replace(decoder_run.model, world=small_run.model)
    world = config.make_world(model, data[1], data[0].embodiments, small_run.window, masked=True)
    actions = torch.rand(3, 20, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    expect_world(world, present_queries(3), actions)
    state = world.start(present_queries(3))
    alone = world.decode(state.rows(torch.tensor([2])))["top"]
    np.testing.assert_allclose(alone[0].astype(float), world.decode(state)["top"][2], atol=1)


def test_a_run_resumes_and_goes_on_from_a_decoded_world(walks, decoder_run, world_folder, decoded_folder, tmp_path):
    def train(out, start, **options):
        return engine.train(decoder_run, [walks], out, recipe="world-decoder", command="", start_from=start, **options)

    def stop(step, metrics):
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", world_folder, report=stop)
    resumed = train(tmp_path / "run", world_folder, resume=True)
    assert resumed["weights_sha256"] == load_world(decoded_folder)[1].weights_sha256
    train(tmp_path / "more", decoded_folder)
    more, before = (load_model(one)[0].state_dict() for one in (tmp_path / "more", decoded_folder))
    assert all(torch.equal(more[name], value) == name.startswith("world.") for name, value in before.items())


def test_larger_images_are_read_at_the_worlds_size_and_set_sizes_are_compared(decoder_run, world_folder, tmp_path):
    data = record_walks(tmp_path / "data", size=32)
    run = replace(decoder_run, train=replace(decoder_run.train, steps=1))
    options = {"recipe": "world-decoder", "command": "", "start_from": world_folder}
    engine.train(run, [data], tmp_path / "run", **options)
    config, before = (read_config(one)[0] for one in (tmp_path / "run", world_folder))
    assert config.embodiments[0].cameras == before.embodiments[0].cameras
    assert config.provenance["mixture"]["sizes"] == {"top": [16, 16]}
    mixture = replace(MixtureConfig.of([data]), sizes={"top": (32, 32)})
    with pytest.raises(MismatchError, match=r"expected images of 16x16 of camera 'top', .*, got 32x32"):
        engine.train(run, mixture, tmp_path / "other", **options)


def test_what_does_not_fit_is_refused(walks, decoder_run, small_run, world_folder, tmp_path):
    def train(**options):
        engine.train(decoder_run, [walks], tmp_path / "run", recipe="world-decoder", command="", **options)

    with pytest.raises(PraxiaError, match="expected --start-from RUN, a trained model to build on, got none"):
        train()
    with pytest.raises(MismatchError, match="keeps its normalisers; leave out --refit"):
        train(start_from=world_folder, refit=True)
    with pytest.raises(MismatchError, match=r"expected a latent world to decode, .* got 'encoder-head'"):
        decoder_run.model.built_on(EncoderHead(StateOnly(), Regression()))
    with pytest.raises(PraxiaError, match="image-size of a multiple of 4, got 30"):
        Decoded(image_size=30)
