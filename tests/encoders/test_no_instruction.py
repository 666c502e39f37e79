"""Episodes without an annotation: their instruction has no token at all."""

import dataclasses

import pytest
import torch
from praxia_testing import make_batch, make_shapes
from torch import Tensor

from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.octo import Octo
from praxia.encoders.resnet import ResNet
from praxia.encoders.rt1 import RT1
from praxia.encoders.text import PooledText, TransformerText
from praxia.encoders.vision_language import VisionLanguage
from praxia.nn.types import Batch
from praxia.transforms.tokenizer import TextTokenizer

TEXTS = [PooledText(width=16, num_heads=2), TransformerText(width=16, depth=2, num_heads=2)]
ENCODERS = [
    FilmCNN(text=TEXTS[0], width=32, channels=(8, 8, 8, 8)),
    FilmCNN(text=TEXTS[1], width=32, channels=(8, 8, 8, 8)),
    ResNet(width=32, channels=(8, 16)),
    RT1(channels=(8, 8, 8, 16), num_tokens=4),
    Octo(width=16, depth=1, num_heads=2),
    VisionLanguage(width=16, mlp_width=32, depth=2, num_heads=2, head_width=8, vision_depth=1),
]


def without_text(batch: Batch, row: int) -> Batch:
    """The row's tokens are noise, and none of them is valid."""
    valid = batch.text_valid.clone()
    valid[row] = False
    return dataclasses.replace(batch, text_valid=valid)


def alone(batch: Batch, row: int) -> Batch:
    """That row, as `TextTokenizer` encodes it in a batch without other instructions."""
    one = {"images": {name: images[row : row + 1] for name, images in batch.images.items()}}
    one |= {"image_valid": {name: valid[row : row + 1] for name, valid in batch.image_valid.items()}}
    text, valid = TextTokenizer.fit([""]).encode([""])
    others = {name: getattr(batch, name)[row : row + 1] for name in ("state", "state_valid", "embodiment")}
    return Batch(text=torch.from_numpy(text), text_valid=torch.from_numpy(valid), **one, **others)


@pytest.mark.parametrize("config", ENCODERS, ids=lambda config: config.tag)
@pytest.mark.parametrize("training", [False, True])
def test_an_empty_instruction_is_encoded_alike_alone_and_beside_others(config, training):
    torch.manual_seed(0)
    encoder = config.build(make_shapes()).train(training)
    batch = make_batch()
    beside = encoder(without_text(batch, 2)).readout()
    assert beside.isfinite().all()
    torch.testing.assert_close(beside[2:3], encoder(alone(batch, 2)).readout())
    whole = encoder(batch).readout()
    others = [0, 1, 3, 4]
    torch.testing.assert_close(beside[others], whole[others], rtol=0, atol=0)  # not a bit of the others changes
    beside.square().sum().backward()
    assert all(one.grad.isfinite().all() for one in encoder.parameters() if one.grad is not None)


@pytest.mark.parametrize("config", TEXTS, ids=lambda config: config.tag)
def test_the_padding_does_not_matter(config):
    torch.manual_seed(0)
    text = config.build(make_shapes()).eval()
    batch = without_text(make_batch(), 2)
    other: Tensor = batch.text.masked_fill(~batch.text_valid, 7)
    assert torch.equal(text(batch)[2], text(dataclasses.replace(batch, text=other))[2])


@pytest.mark.parametrize("instructions", [[], [""], ["   "], ["", "\u2028\x85\t"]])
def test_a_vocabulary_can_be_fitted_without_instructions(instructions):
    tokenizer = TextTokenizer.fit(instructions)
    tokens, valid = tokenizer.encode(["", "  "])
    assert tokens.shape == valid.shape == (2, 1)
    assert not valid.any()
    assert tokenizer.decode(tokenizer.encode(["pick"])[0][0].tolist()) == "pick"
