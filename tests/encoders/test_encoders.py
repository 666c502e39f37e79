import dataclasses

import pytest
import torch
from praxia_testing import make_batch, make_shapes

from praxia.encoders.film_cnn import FilmBlock, FilmCNN
from praxia.encoders.layers import grid_positions, spatial_softmax
from praxia.encoders.octo import OBSERVATION, READOUT, TASK, Octo, block_mask
from praxia.encoders.resnet import ResNet
from praxia.encoders.resnet_grid import ResNetGrid
from praxia.encoders.rt1 import RT1, TokenLearner
from praxia.encoders.state_only import StateOnly
from praxia.encoders.text import NoText
from praxia.encoders.vision_language import VisionLanguage
from praxia.encoders.vit import ViT

WITH_IMAGES = [
    FilmCNN(width=32, channels=(8, 8, 8, 8)),
    ResNet(width=32, channels=(8, 16)),
    ResNet(channels=(8, 16), trunk="group-norm", keypoints=4, separate_cameras=True, crop=0.9),
    ResNetGrid(channels=(8, 16)),
    ResNetGrid(channels=(8, 16), trunk="frozen-batch-norm", detr_width=32),
    RT1(channels=(8, 8, 8, 16), num_tokens=4),
    ViT(width=16, depth=1, num_heads=2),
    Octo(width=16, depth=1, num_heads=2),
    VisionLanguage(width=16, mlp_width=32, depth=2, num_heads=2, head_width=8, vision_depth=1),
]
every = pytest.mark.parametrize("config", [*WITH_IMAGES, StateOnly(width=32)], ids=lambda config: config.tag)


NUM_TOKENS = (1, 1, 1, 2 * 4 + 2, 2 * 4 + 2, 2 * 4 + 1, 2 * 4 + 2, 1 + 2 * 4 + 1 + 2, 2 * 4 + 6 + 1 + 1, 1)
counted = pytest.mark.parametrize(
    ("config", "num_tokens"), list(zip([*WITH_IMAGES, StateOnly(width=32)], NUM_TOKENS, strict=True))
)


@counted
def test_an_encoder_provides_its_tokens_and_what_it_declares(config, num_tokens):
    encoder = config.build(make_shapes())
    context = encoder(make_batch())
    assert context.tokens.shape == (5, num_tokens, encoder.width)
    assert context.mask[:, context.groups["readout"]].all()
    assert context.readout().shape == (5, encoder.width)
    assert encoder.provides >= set(context.groups)
    assert (context.positions is not None) == ("positions" in encoder.provides)
    assert (context.kv_cache is not None) == any(name.startswith("key/value cache") for name in encoder.provides)


def test_attention_in_octo():
    """One task token, two steps of two patches, the state of the newest, and a readout per step."""
    kind = torch.tensor([TASK, *[OBSERVATION] * 5, READOUT, READOUT])
    time = torch.tensor([-1, 0, 0, 1, 1, 1, 0, 1])
    drawn = ["x.......", "xxx.....", "xxx.....", "xxxxxx..", "xxxxxx..", "xxxxxx..", "xxx...x.", "xxxxxx.x"]
    assert ["".join("x" if seen else "." for seen in row) for row in block_mask(kind, time).tolist()] == drawn


def test_an_older_step_of_octo_does_not_see_a_newer_one():
    torch.manual_seed(0)
    encoder = Octo(width=16, depth=2, num_heads=2).build(make_shapes()).eval()
    batch, other = make_batch(), make_batch(image_seed=1)
    newest = torch.cat([batch.images["front"][:, :1], other.images["front"][:, 1:]], dim=1)
    one, two = (
        encoder(dataclasses.replace(batch, images={"front": x})).tokens for x in (batch.images["front"], newest)
    )
    older = [0, *range(1, 5), 10]  # task, the first step's patches, its readout
    torch.testing.assert_close(one[:, older], two[:, older])
    assert not torch.allclose(one[:, -1], two[:, -1])


def test_a_learned_token_is_a_weighted_mean_of_cells():
    torch.manual_seed(0)
    learner = TokenLearner(8, 3)
    same = torch.randn(2, 1, 8)
    torch.testing.assert_close(learner(same.expand(2, 20, 8)), same.expand(2, 3, 8))
    cells = torch.randn(2, 20, 8)
    tokens = learner(cells)
    assert (tokens <= cells.amax(1, keepdim=True)).all()
    torch.testing.assert_close(learner(cells.flip(1)), tokens)  # cells have no order


def test_every_cell_of_a_grid_has_its_own_position():
    found = grid_positions(5, 7, 16, torch.device("cpu"))
    assert found.shape == (35, 16)
    assert torch.cdist(found, found).fill_diagonal_(1).min() > 0.1


def test_padded_text_tokens_do_not_enter_the_cache():
    torch.manual_seed(0)
    encoder = VisionLanguage(width=16, mlp_width=32, depth=2, num_heads=2, head_width=8).build(make_shapes()).eval()
    batch = make_batch()
    changed = dataclasses.replace(batch, text=batch.text.masked_fill(~batch.text_valid, 7))
    one, two = encoder(batch), encoder(changed)
    torch.testing.assert_close(one.readout(), two.readout())
    assert one.kv_cache.valid.sum() == 5 * (2 * 4 + 4 + 1 + 1)


def test_film_starts_as_the_identity():
    torch.manual_seed(0)
    block = FilmBlock(3, 8, 3, 1, 4)
    x = torch.randn(2, 3, 6, 6)
    torch.testing.assert_close(block(x, torch.randn(2, 4)), torch.nn.functional.silu(block.norm(block.conv(x))))


def test_a_keypoint_is_where_the_feature_is():
    x = torch.zeros(1, 2, 5, 9)
    x[0, 0, 0, 8] = 100.0  # top right
    x[0, 1, 4, 2] = 100.0  # bottom, a quarter in
    torch.testing.assert_close(spatial_softmax(x), torch.tensor([[1.0, -0.5, -1.0, 1.0]]))


def test_the_instruction_and_the_image_both_matter_and_only_the_instruction_to_state_only():
    torch.manual_seed(0)
    for config in [*WITH_IMAGES, StateOnly(width=32)]:
        sees = config.tag != "state-only"
        encoder = config.build(make_shapes()).eval()
        with torch.no_grad():
            for parameter in encoder.parameters():  # FiLM starts as the identity
                parameter.add_(torch.randn(parameter.shape) * 0.05)
        base, other_text, other_image = make_batch(), make_batch(text_seed=1), make_batch(image_seed=1)
        assert not torch.allclose(encoder(base).tokens, encoder(other_text).tokens)
        assert torch.allclose(encoder(base).tokens, encoder(other_image).tokens) != sees


def test_padding_of_the_instruction_changes_nothing():
    torch.manual_seed(0)
    encoder = StateOnly(width=32).build(make_shapes()).eval()
    batch = make_batch()
    changed = batch.text.masked_fill(~batch.text_valid, 7)
    torch.testing.assert_close(encoder(batch).tokens, encoder(dataclasses.replace(batch, text=changed)).tokens)


def test_without_text_the_instruction_changes_nothing():
    torch.manual_seed(0)
    encoder = FilmCNN(text=NoText(), width=32, channels=(8, 8, 8, 8)).build(make_shapes()).eval()
    base, other_text, other_image = make_batch(), make_batch(text_seed=1), make_batch(image_seed=1)
    assert torch.equal(encoder(base).tokens, encoder(other_text).tokens)
    assert not torch.allclose(encoder(base).tokens, encoder(other_image).tokens)
    assert not encoder.text(base).any()


@every
def test_state_dims_that_an_embodiment_lacks_change_nothing_and_the_embodiment_matters(config):
    torch.manual_seed(0)
    encoder = config.build(make_shapes(embodiments=((3, 2), (1, 1)))).eval()
    batch = make_batch()
    state = batch.state.clone()
    state[:, :, 1:] = float("nan")
    small, large = torch.ones(5, dtype=torch.int64), torch.zeros(5, dtype=torch.int64)
    as_small, padded = (
        encoder(dataclasses.replace(batch, embodiment=small, state=value)).tokens for value in (batch.state, state)
    )
    assert torch.equal(as_small, padded)
    assert not torch.allclose(as_small, encoder(dataclasses.replace(batch, embodiment=large)).tokens)
