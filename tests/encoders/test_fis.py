"""One network for two systems: what its first and its last layers see."""

import dataclasses

import pytest
import torch
from praxia_testing import make_batch, make_config

from praxia.core.errors import MismatchError, PraxiaError
from praxia.encoders.fis import FiS
from praxia.encoders.text import PooledText
from praxia.nn.types import Batch

SMALL = FiS(text=PooledText(width=8, num_heads=2), width=16, depth=3, num_heads=2)


@pytest.fixture
def batch() -> Batch:
    return make_batch()


def built(batch, config=SMALL):
    torch.manual_seed(0)
    return config.build(make_config().shapes).eval()


def told(encoder, batch, age=3):
    intent = encoder.think(batch).detach()
    return dataclasses.replace(batch, intent=intent, intent_age=torch.full((len(intent),), age))


def test_an_intent_is_the_hidden_states_of_patches_instruction_and_state(batch):
    encoder = built(batch)
    num_patches = sum(images.shape[1] * (images.shape[-1] // 8) ** 2 for images in batch.images.values())
    assert encoder.think(batch).shape == (len(batch.state), num_patches + 2, 16)
    assert encoder(told(encoder, batch)).readout().shape == (len(batch.state), 16)


def changes(first, second, row=0):
    """Which rows differ."""
    return [at for at in range(len(first)) if not torch.equal(first[at], second[at])]


def test_the_fast_part_sees_the_intent_its_age_and_the_newest_image_but_no_instruction(batch):
    encoder = built(batch)
    known = told(encoder, batch)
    before = encoder(known).readout()
    name = next(iter(batch.images))
    images = {**batch.images, name: batch.images[name].clone()}
    images[name][1] = 255 - images[name][1]
    intent = known.intent.clone()
    intent[2] += 1
    age = known.intent_age.clone()
    age[0] += 1
    for changed, rows in (
        (dataclasses.replace(known, images=images), [1]),
        (dataclasses.replace(known, intent=intent), [2]),
        (dataclasses.replace(known, intent_age=age), [0]),
        (dataclasses.replace(known, text=torch.flip(known.text, [1])), []),
    ):
        assert changes(before, encoder(changed).readout()) == rows
    # The slow part has the instruction.
    assert changes(encoder.think(batch), encoder.think(dataclasses.replace(batch, images=images))) == [1]
    other = dataclasses.replace(batch, text=torch.flip(batch.text, [1]))
    assert changes(encoder.think(batch), encoder.think(other))


def test_an_image_that_is_not_valid_changes_nothing(batch):
    encoder, name = built(batch), next(iter(batch.images))
    valid = {**batch.image_valid, name: torch.zeros_like(batch.image_valid[name])}
    black = {**batch.images, name: torch.zeros_like(batch.images[name])}
    found = []
    for images in (batch.images, black):
        one = dataclasses.replace(batch, images=images, image_valid=valid)
        context = encoder(told(encoder, one))
        found.append((encoder.think(one), context.readout()))
    for first, second in zip(*found, strict=True):
        torch.testing.assert_close(first, second)


def test_what_does_not_fit_is_refused_in_one_line(batch):
    for fast_depth in (0, 3):
        with pytest.raises(PraxiaError, match="expects 1 to 2 fast ones of 3 layers"):
            dataclasses.replace(SMALL, fast_depth=fast_depth)
    with pytest.raises(MismatchError, match="expected intents for an encoder that reads them, got none"):
        built(batch)(batch)
