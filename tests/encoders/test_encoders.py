import dataclasses

import pytest
import torch
from praxia_testing import make_batch, make_shapes

from praxia.encoders.film_cnn import FilmBlock, FilmCNN, spatial_softmax
from praxia.encoders.language import NoText
from praxia.encoders.state_only import StateOnly


@pytest.mark.parametrize("config", [FilmCNN(width=32, channels=(8, 8, 8, 8)), StateOnly(width=32)])
def test_an_encoder_gives_one_readout_token_of_its_width(config):
    encoder = config.build(make_shapes())
    context = encoder(make_batch())
    assert context.tokens.shape == (5, 1, encoder.width)
    assert context.mask.all()
    assert encoder.gives == set(context.groups)


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


def test_the_instruction_and_the_picture_both_matter_to_film_cnn_and_only_the_instruction_to_state_only():
    torch.manual_seed(0)
    for config, sees in [(FilmCNN(width=32, channels=(8, 8, 8, 8)), True), (StateOnly(width=32), False)]:
        encoder = config.build(make_shapes()).eval()
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


@pytest.mark.parametrize("config", [FilmCNN(width=32, channels=(8, 8, 8, 8)), StateOnly(width=32)])
def test_state_that_a_body_does_not_have_changes_nothing_and_the_body_matters(config):
    torch.manual_seed(0)
    encoder = config.build(make_shapes(bodies=((3, 2), (1, 1)))).eval()
    batch = make_batch()
    state = batch.state.clone()
    state[:, :, 1:] = float("nan")
    small, large = torch.ones(5, dtype=torch.int64), torch.zeros(5, dtype=torch.int64)
    as_small, padded = (
        encoder(dataclasses.replace(batch, embodiment=small, state=value)).tokens for value in (batch.state, state)
    )
    assert torch.equal(as_small, padded)
    assert not torch.allclose(as_small, encoder(dataclasses.replace(batch, embodiment=large)).tokens)
