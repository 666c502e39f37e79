import torch

from praxia.nn.embodiment_linear import EmbodimentLinear
from praxia.nn.layers import zeroed


def test_it_is_the_same_layer_and_says_nothing():
    for layer in (torch.nn.Linear(3, 2), EmbodimentLinear(2, 3, 2)):
        assert zeroed(layer) is layer
        assert not any(parameter.any() for parameter in layer.parameters())
        assert all(parameter.requires_grad for parameter in layer.parameters())
