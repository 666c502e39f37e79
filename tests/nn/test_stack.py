import pytest
import torch

from praxia.nn.stack import AttentionConfig, RMSNorm, Stack, rotate
from praxia.nn.types import KVCache

ATTENTION = AttentionConfig(depth=2, num_heads=4, num_kv_heads=2, head_width=8)


def stack(width=16, **options):
    torch.manual_seed(0)
    made = Stack(width, 32, ATTENTION, **options).double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.2)  # so that every parameter has an influence
    return made


def plain(module, x, attended):
    """The same layers written out one head and one query at a time, without a cache."""
    for layer in module.layers:
        h = layer.attention_norm.weight.add(1) * x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        out = torch.zeros(len(x), 4 * 8, dtype=x.dtype)
        for head in range(4):
            kv = head // 2
            for i in range(len(x)):
                at = [j for j in range(len(x)) if attended[i][j]]
                rotated = [rotate_by_hand(h[j] @ layer.key.weight[kv * 8 : kv * 8 + 8].T, j) for j in at]
                query = rotate_by_hand(h[i] @ layer.query.weight[head * 8 : head * 8 + 8].T, i)
                share = torch.stack([query @ key for key in rotated]).div(8**0.5).softmax(0)
                values = torch.stack([h[j] @ layer.value.weight[kv * 8 : kv * 8 + 8].T for j in at])
                out[i, head * 8 : head * 8 + 8] = share @ values
        x = x + out @ layer.out.weight.T
        h = layer.mlp_norm.weight.add(1) * x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        gate = torch.nn.functional.gelu(h @ layer.gate.weight.T, approximate="tanh")
        x = x + (gate * (h @ layer.up.weight.T)) @ layer.down.weight.T
    return module.norm.weight.add(1) * x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt()


def rotate_by_hand(x, position):
    pairs = torch.complex(x[:4], x[4:])
    angles = position * 10_000.0 ** -(torch.arange(4, dtype=torch.float64) / 4)
    rotated = pairs * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([rotated.real, rotated.imag])


def test_it_equals_the_formulas_written_out():
    module, x = stack(), torch.randn(1, 5, 16, dtype=torch.float64)
    blocks = torch.tensor([0, 0, 1, 2, 2])
    attended = [[True, True, False, False, False]] * 2 + [[True] * 3 + [False] * 2] + [[True] * 5] * 2
    found, _ = module(x, torch.ones(1, 5, dtype=torch.bool), blocks)
    torch.testing.assert_close(found[0], plain(module, x[0], attended), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("cuts", [(3,), (1, 3, 4), (3, 4, 5, 6)])
def test_a_sequence_in_pieces_equals_the_sequence_at_once(cuts):
    module, x = stack(), torch.randn(2, 7, 16, dtype=torch.float64)
    valid = torch.tensor([[True] * 7, [True, False, True, True, True, True, True]])
    blocks = torch.tensor([0, 0, 0, 1, 2, 3, 4])
    at_once, _ = module(x, valid, blocks)
    pieces, cache = [], None
    for begin, end in zip((0, *cuts), (*cuts, 7), strict=True):
        if begin < 3 < end or (begin < 3 and end < 3):
            blocks = torch.arange(7)  # a block that is cut cannot attend to its later part
            at_once, _ = module(x, valid, blocks)
        piece, cache = module(x[:, begin:end], valid[:, begin:end], blocks[begin:end], cache)
        pieces.append(piece)
    found = torch.cat(pieces, dim=1)
    torch.testing.assert_close(found[valid], at_once[valid])


def test_invalid_tokens_are_not_attended_to_and_take_no_position():
    module, x = stack(), torch.randn(1, 4, 16, dtype=torch.float64)
    valid = torch.tensor([[True, False, True, True]])
    found, _ = module(x, valid, torch.arange(4))
    without, _ = module(x[:, [0, 2, 3]], torch.ones(1, 3, dtype=torch.bool), torch.arange(3))
    torch.testing.assert_close(found[:, [0, 2, 3]], without)
    changed, _ = module(x + torch.tensor([0, 9.0, 0, 0])[None, :, None], valid, torch.arange(4))
    torch.testing.assert_close(found[valid], changed[valid])


def test_another_stack_continues_from_the_first_ones_cache():
    first, second = stack(16), stack(24)
    x, y = torch.randn(2, 3, 16, dtype=torch.float64), torch.randn(2, 2, 24, dtype=torch.float64)
    ones = torch.ones(2, 3, dtype=torch.bool)
    _, cache = first(x, ones, torch.zeros(3, dtype=torch.int64))
    found, _ = second(y, ones[:, :2], torch.zeros(2, dtype=torch.int64), cache)
    _, other = first(x.flip(0), ones, torch.zeros(3, dtype=torch.int64))
    changed, _ = second(y, ones[:, :2], torch.zeros(2, dtype=torch.int64), other)
    assert not torch.allclose(found, changed)
    layers = tuple((key.repeat(2, 1, 1, 1), value.repeat(2, 1, 1, 1)) for key, value in cache.layers)
    twice = KVCache(layers, cache.valid.repeat(2, 1), cache.position.repeat(2))
    repeated, _ = second(y.repeat(2, 1, 1), ones[:, :2].repeat(2, 1), torch.zeros(2, dtype=torch.int64), twice)
    torch.testing.assert_close(repeated, found.repeat(2, 1, 1))


def test_two_stacks_with_equal_weights_are_one():
    first, second = stack(), stack()
    second.load_state_dict(first.state_dict())
    x, ones = torch.randn(2, 5, 16, dtype=torch.float64), torch.ones(2, 5, dtype=torch.bool)
    at_once, _ = first(x, ones, torch.tensor([0, 0, 0, 1, 1]))
    _, cache = first(x[:, :3], ones[:, :3], torch.zeros(3, dtype=torch.int64))
    rest, _ = second(x[:, 3:], ones[:, 3:], torch.zeros(2, dtype=torch.int64), cache)
    torch.testing.assert_close(rest, at_once[:, 3:])


def test_rotated_queries_and_keys_depend_on_their_distance_alone():
    query, key = torch.randn(1, 1, 1, 8, dtype=torch.float64), torch.randn(1, 1, 1, 8, dtype=torch.float64)

    def product(i, j):
        return (rotate(query, torch.tensor([[i]])) * rotate(key, torch.tensor([[j]]))).sum()

    torch.testing.assert_close(product(3, 1), product(12, 10), atol=1e-5, rtol=1e-5)
    assert not torch.isclose(product(3, 1), product(3, 2))


def test_a_conditioned_norm_starts_with_a_closed_gate_and_then_follows_its_condition():
    norm, x = RMSNorm(16, 4), torch.randn(2, 3, 16)
    normed, gate = norm(x, torch.randn(2, 4))
    torch.testing.assert_close(normed.square().mean(-1), torch.ones(2, 3), atol=1e-4, rtol=1e-4)
    assert not gate.any()
    module = stack(16, condition_width=4)
    ones, blocks = torch.ones(2, 3, dtype=torch.bool), torch.arange(3)
    one, _ = module(x.double(), ones, blocks, condition=torch.zeros(2, 4).double())
    two, _ = module(x.double(), ones, blocks, condition=torch.ones(2, 4).double())
    assert not torch.allclose(one, two)
