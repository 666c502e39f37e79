import math

import pytest
import torch

from praxia.nn.embodiment_linear import EmbodimentLinear
from praxia.nn.layers import sinusoidal_embedding, zeroed


def test_a_zeroed_layer_is_the_same_layer_with_zero_parameters():
    for layer in (torch.nn.Linear(3, 2), EmbodimentLinear(2, 3, 2)):
        assert zeroed(layer) is layer
        assert not any(parameter.any() for parameter in layer.parameters())
        assert all(parameter.requires_grad for parameter in layer.parameters())


def test_sinusoids_have_the_stated_periods():
    value = torch.tensor([0.3, 0.3 + 4.0], dtype=torch.float64)
    embedding = sinusoidal_embedding(value, 64)
    torch.testing.assert_close(embedding[0, 31], embedding[1, 31])  # the longest period is 4
    assert embedding[0, 31].item() == pytest.approx(math.sin(2 * math.pi * 0.3 / 4))
