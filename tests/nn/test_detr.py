"""DETR's layers against torch's own, whose post-norm layers are equal where nothing is at a position."""

import math

import pytest
import torch
from torch import nn

from praxia.nn.detr import DETRDecoderLayer, DETREncoder, grid_sines, step_sines

WIDTH, MLP, HEADS = 16, 24, 4
CPU = torch.device("cpu")


def as_torchs(state, renames):
    for old, new in renames:
        state = {name.replace(old, new): value for name, value in state.items()}
    return state


def tokens(num, seed):
    return torch.randn(3, num, WIDTH, generator=torch.Generator().manual_seed(seed))


def test_without_positions_the_encoder_is_torchs():
    torch.manual_seed(0)
    ours = DETREncoder(WIDTH, MLP, HEADS, 2, dropout=0.0)
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, MLP, dropout=0.0, batch_first=True)
    theirs = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    renames = [("attention", "self_attn"), ("mlp.0", "linear1"), ("mlp.3", "linear2")]
    renames += [("norms.0", "norm1"), ("norms.1", "norm2")]
    theirs.load_state_dict(as_torchs(ours.state_dict(), renames))
    x, hidden = tokens(5, 1), torch.zeros(3, 5, dtype=torch.bool)
    hidden[1, 3:] = True
    seen = ~hidden[..., None]
    found = ours(x, torch.zeros(5, WIDTH), hidden)
    torch.testing.assert_close(found * seen, theirs(x, src_key_padding_mask=hidden) * seen)


def test_without_positions_of_the_memory_the_decoder_differs_from_torchs_only_in_what_a_query_is():
    """Queries of zero make both start from nothing."""
    torch.manual_seed(0)
    ours = DETRDecoderLayer(WIDTH, MLP, HEADS, dropout=0.0)
    theirs = nn.TransformerDecoderLayer(WIDTH, HEADS, MLP, dropout=0.0, batch_first=True)
    renames = [("self_attention", "self_attn"), ("attention", "multihead_attn"), ("mlp.0", "linear1")]
    renames += [("mlp.3", "linear2"), ("norms.0", "norm1"), ("norms.1", "norm2"), ("norms.2", "norm3")]
    theirs.load_state_dict(as_torchs(ours.state_dict(), renames))
    memory, hidden, nothing = tokens(5, 1), torch.zeros(3, 5, dtype=torch.bool), torch.zeros(2, WIDTH)
    found = ours(nothing, memory, torch.zeros(5, WIDTH), hidden)
    torch.testing.assert_close(found, theirs(nothing.expand(3, -1, -1), memory))


def test_positions_enter_every_layer_and_only_queries_and_keys():
    """With one token attention returns its value, in which no position is."""
    torch.manual_seed(0)
    encoder = DETREncoder(WIDTH, MLP, HEADS, 2, dropout=0.0)
    one, shown = tokens(1, 1), torch.zeros(3, 1, dtype=torch.bool)
    positions = torch.randn(2, WIDTH)
    torch.testing.assert_close(encoder(one, positions[:1], shown), encoder(one, positions[1:], shown))
    two, shown = tokens(2, 2), torch.zeros(3, 2, dtype=torch.bool)
    assert not torch.allclose(encoder(two, positions, shown), encoder(two, positions.flip(0), shown))
    first = encoder.layers[0](two, positions, shown)
    torch.testing.assert_close(encoder(two, positions, shown), encoder.layers[1](first, positions, shown))


def test_a_cells_position_is_by_the_formula():
    found = grid_sines(3, 5, 8, CPU).unflatten(0, (3, 5))
    row, column = 2 * 2 * math.pi / 3, 4 * 2 * math.pi / 5  # the second of three, the fourth of five
    expected = [wave(at) for at in (row, column) for k in (0, 1) for wave in _waves(k, 4)]
    assert found[1, 3].tolist() == pytest.approx(expected, abs=1e-5)


def test_a_steps_position_is_by_the_formula():
    found = step_sines(7, 6, CPU)
    expected = [wave(6.0) for k in range(3) for wave in _waves(k, 6)]
    assert found[6].tolist() == pytest.approx(expected, abs=1e-5)


def _waves(k, width):
    """Sine and cosine of frequency number k."""
    frequency = 10_000 ** (-2 * k / width)
    return (lambda at: math.sin(at * frequency)), (lambda at: math.cos(at * frequency))
