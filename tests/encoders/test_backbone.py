import dataclasses

import pytest
import torch
from praxia_testing import make_batch, make_shapes
from public_models import make_vision, save_vision, small_vision

from praxia.core.errors import PraxiaError
from praxia.encoders.backbone import Backbone, BackboneGrid
from praxia.encoders.layers import grid_positions
from praxia.encoders.public.vision import FAMILIES
from praxia.nn.types import HasBackbone, Pretrained

CONFIGS = [BackboneGrid(), Backbone(width=32), Backbone(width=32, pooling="mean"), Backbone(width=32, pooling="cls")]
every = pytest.mark.parametrize("config", CONFIGS, ids=lambda one: getattr(one, "pooling", "grid"))


@every
def test_what_heads_get(config):
    encoder = dataclasses.replace(config, fitted=small_vision()).build(make_shapes())
    assert isinstance(encoder, Pretrained)
    assert isinstance(encoder, HasBackbone)
    context = encoder(make_batch())
    num_tokens = 2 * 4 + 2 if config.tag == "backbone-grid" else 1
    assert context.tokens.shape == (5, num_tokens, encoder.width)
    assert context.readout().shape == (5, encoder.width)


def test_every_size_of_image_is_taken_and_the_cameras_may_differ():
    encoder = BackboneGrid(fitted=small_vision()).build(
        dataclasses.replace(make_shapes(), cameras=("front", "wrist"), num_images=4)
    )
    batch = make_batch()
    wide = torch.zeros(5, 2, 3, 24, 48, dtype=torch.uint8)
    images = {**batch.images, "wrist": wide}
    valid = {name: torch.ones(5, 2, dtype=torch.bool) for name in images}
    tokens = encoder(dataclasses.replace(batch, images=images, image_valid=valid)).tokens
    assert tokens.shape == (5, 2 * 4 + 2 * 2 + 2, encoder.width)


def test_a_cell_is_its_normalised_patch_with_its_position():
    torch.manual_seed(0)
    encoder = BackboneGrid(fitted=small_vision()).build(make_shapes())
    images = make_batch().images["front"]
    with torch.no_grad():
        cells = encoder.cells(images)
        patch = encoder.vision(images[:, 1]).patches[:, :, 1, 0].double()
    normalised = (patch - patch.mean(1, keepdim=True)) / (patch.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
    position = grid_positions(2, 2, encoder.width, torch.device("cpu"))[2]
    torch.testing.assert_close(cells[:, 1, 2].double(), normalised + position, rtol=1e-4, atol=1e-5)


@every
def test_public_weights_are_loaded_and_frozen_or_tuned(config, tmp_path):
    folder = save_vision("siglip_vision_model", tmp_path)
    fitted = dataclasses.replace(config, weights=str(folder), image_size=16).fit(lambda: pytest.fail("chunks"))
    own = make_vision("siglip_vision_model").state_dict()
    for trained in ("nothing", "all"):
        encoder = dataclasses.replace(fitted, trained=trained).build(make_shapes())
        encoder.load()
        assert all(torch.equal(value, own[name]) for name, value in encoder.vision.model.state_dict().items())
        encoder.adapt()
        encoder(make_batch()).readout().square().sum().backward()
        learning = {name for name, one in encoder.named_parameters() if one.grad is not None}
        assert any(name.startswith("vision.") for name in learning) == (trained == "all")
        assert any(name.startswith("norm.") for name in learning)
        encoder.merge()
        assert all(one.requires_grad for one in encoder.parameters())
    assert len(list(encoder.backbone_parameters())) == len(list(encoder.vision.model.parameters()))


def test_only_weights_and_what_is_trained_leave_the_network_the_same():
    config = BackboneGrid("some/folder", "all", fitted=small_vision())
    assert config.training_only == {"weights", "trained"}
    assert {one.name for one in dataclasses.fields(config)} - config.training_only == {"image_size", "text", "fitted"}


def test_a_missing_model_is_said_in_one_line():
    with pytest.raises(PraxiaError, match=r"encoder 'backbone' needs a public vision model: --model.encoder.weights"):
        Backbone().fit(lambda: pytest.fail("chunks"))
    with pytest.raises(PraxiaError, match="image-size of at least 0, got -1"):
        Backbone("folder", image_size=-1).fit(lambda: pytest.fail("chunks"))


@pytest.mark.parametrize("kind", sorted(FAMILIES))
def test_every_family_learns_in_mixed_precision(kind, tmp_path):
    torch.manual_seed(0)
    for config in (BackboneGrid, Backbone):
        encoder = (
            config(str(save_vision(kind, tmp_path)), "all").fit(lambda: pytest.fail("chunks")).build(make_shapes())
        )
        encoder.load()
        encoder.adapt()
        with torch.autocast("cpu", torch.bfloat16):
            loss = encoder(make_batch()).tokens.float().square().mean()
        loss.backward()
        grads = [one.grad for one in encoder.backbone_parameters() if one.grad is not None]
        assert grads
        assert all(one.isfinite().all() for one in grads)
