import dataclasses

import pytest
import torch
from praxia_testing import make_batch, make_shapes

from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import PooledText, TransformerText


def test_padding_of_the_instruction_changes_nothing():
    torch.manual_seed(0)
    encoder = TransformerText(width=16, depth=2).build(make_shapes()).eval()
    batch = make_batch()
    changed = batch.text.masked_fill(~batch.text_valid, 7)
    torch.testing.assert_close(encoder(batch), encoder(dataclasses.replace(batch, text=changed)))


def test_the_order_of_tokens_matters():
    torch.manual_seed(0)
    encoder = TransformerText(width=16, depth=2).build(make_shapes()).eval()
    batch = make_batch()
    whole = dataclasses.replace(batch, text_valid=torch.ones_like(batch.text_valid))
    turned = dataclasses.replace(whole, text=whole.text.flip(1))
    assert not torch.allclose(encoder(whole), encoder(turned))


def keypoints(encoder, batch) -> torch.Tensor:
    """The part of the readout's input that comes from the images."""
    seen = []
    handle = encoder.readout.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    encoder(batch)
    handle.remove()
    return seen[0][:, : 2 * 8 * make_shapes().num_images]


@pytest.mark.parametrize("text", [PooledText(width=16), TransformerText(width=16, depth=1)])
@pytest.mark.parametrize("conditions", [True, False])
def test_the_state_changes_image_features_only_where_it_conditions_them(text, conditions):
    torch.manual_seed(0)
    encoder = (
        FilmCNN(text=text, state_conditions=conditions, width=32, channels=(8, 8, 8, 8)).build(make_shapes()).eval()
    )
    for block in encoder.blocks:
        torch.nn.init.normal_(block.film.weight)
    batch = make_batch()
    moved = dataclasses.replace(batch, state=batch.state + 1.0)
    assert torch.allclose(keypoints(encoder, batch), keypoints(encoder, moved)) != conditions
