"""Which modules of a model are its blocks."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from praxia.nn.blocks import blocks, compile_blocks
from praxia.nn.detr import DETREncoder
from praxia.nn.stack import AttentionConfig, Stack


def test_blocks_are_the_layers_of_transformers():
    stack = Stack(16, 32, AttentionConfig(depth=2, num_heads=2, num_kv_heads=1, head_width=8))
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.ModuleDict({"stack": stack, "text": nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)})
    assert list(blocks(model)) == ["stack.layers.0", "stack.layers.1", "text.layers.0", "text.layers.1"]
    assert all(model.get_submodule(name) is block for name, block in blocks(model).items())


def test_lists_inside_a_layer_have_no_blocks_and_towers_have_those_inside():
    towers = nn.ModuleDict({"towers": nn.ModuleList(DETREncoder(8, 16, 2, depth=1, dropout=0.0) for _ in range(2))})
    assert list(blocks(towers)) == ["towers.0.layers.0", "towers.1.layers.0"]


def test_lists_of_lists_are_searched_and_sequences_of_layers_are_not():
    conv = lambda: nn.Sequential(nn.Conv1d(2, 2, 3), nn.Mish())  # noqa: E731
    model = nn.ModuleDict({"down": nn.ModuleList([nn.ModuleList([conv(), conv()])]), "stem": nn.Sequential(conv())})
    assert list(blocks(model)) == ["down.0.0", "down.0.1"]
    assert blocks(nn.Linear(2, 2)) == {}
    assert blocks(nn.ModuleList([nn.Linear(2, 2), nn.Sequential(nn.Mish())])) == {}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch, about itself, as it compiles
def test_compiled_blocks_draw_the_dropout_of_those_that_are_not():
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.3, batch_first=True)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).train()
    compiled, rows = deepcopy(model), torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0))
    assert compile_blocks(compiled) == 2
    results = []
    for one in (model, compiled):
        torch.manual_seed(1)
        found = one(rows)
        found.square().sum().backward()
        results.append([found, *(value.grad for value in one.parameters())])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(model(rows), results[0][0], atol=0.1), "other masks would be noticed"
