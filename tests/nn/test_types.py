import torch

from praxia.nn.types import Context, KVCache


def test_rows_of_a_key_value_cache_are_gathered_and_joined():
    generator = torch.Generator().manual_seed(0)

    def random(*shape):
        return torch.rand(shape, generator=generator)

    layers = tuple((random(3, 2, 5, 4), random(3, 2, 5, 4)) for _ in range(2))
    cache = KVCache(layers, random(3, 5) > 0.5, torch.tensor([3, 4, 5]))
    context = Context(random(3, 5, 8), cache.valid, {"readout": slice(0, 5)}, cache, positions=random(5, 8))
    joined = Context.join([context.rows(torch.tensor([2, 0])), context.rows(torch.tensor([1]))])
    order = [2, 0, 1]
    assert torch.equal(joined.tokens, context.tokens[order])
    assert torch.equal(joined.mask, context.mask[order])
    assert joined.positions is context.positions  # of tokens, not of rows
    assert joined.kv_cache is not None
    assert joined.kv_cache.position.tolist() == [5, 3, 4]
    for mine, theirs in zip(joined.kv_cache.layers, layers, strict=True):
        assert all(torch.equal(one, other[order]) for one, other in zip(mine, theirs, strict=True))
