"""Heads that predict tokens: sampling, decoding, the cached prefix, and tokenizers that do not fit."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from praxia_testing import make_batch, make_shapes

from praxia.action_tokenizers import find_action_tokenizer
from praxia.core.errors import DataError, MismatchError, PraxiaError, UnknownName
from praxia.heads.autoregressive import Autoregressive
from praxia.heads.decoders import PrefixTransformer
from praxia.heads.parallel import ParallelBins
from praxia.heads.tokenized import choose_token, uniform_from_normal
from praxia.nn.types import Context

SMALL = PrefixTransformer(width=16, depth=2, num_heads=2)
CHUNKS = make_batch(num=300).action.clamp(-1, 1).numpy()


def build(tokenizer="bins", **options):
    torch.manual_seed(0)
    return Autoregressive(tokenizer, SMALL, **options).fit(lambda: CHUNKS).build(make_shapes(), 8).eval()


def context(num=3):
    tokens = torch.randn(num, 2, 8, generator=torch.Generator().manual_seed(2))
    return Context(tokens, torch.ones(num, 2, dtype=torch.bool), {"readout": slice(0, 1)})


def test_a_token_is_sampled_as_often_as_it_is_likely():
    logits = torch.log(torch.tensor([0.1, 0.6, 0.3])).expand(20_000, 3)
    draws = uniform_from_normal(torch.randn(20_000, generator=torch.Generator().manual_seed(0)))
    share = torch.bincount(choose_token(logits, draws, 1.0), minlength=3) / 20_000
    torch.testing.assert_close(share, torch.tensor([0.1, 0.6, 0.3]), atol=0.015, rtol=0)
    sharper = torch.bincount(choose_token(logits, draws, 0.5), minlength=3) / 20_000
    torch.testing.assert_close(sharper, torch.tensor([0.01, 0.36, 0.09]) / 0.46, atol=0.015, rtol=0)
    assert (choose_token(logits, draws, 0.0) == 1).all()


@pytest.mark.parametrize("tokenizer", ["bins", "fast"])
def test_cached_generation_equals_one_uncached_pass(tokenizer):
    """At temperature 0 each token must be the likeliest of an uncached pass over all tokens before it."""
    head, seen = build(tokenizer, temperature=0.0), context()
    torch.nn.init.normal_(head.out.weight)
    tokens, valid = head.generate(seen, torch.zeros(3, *head.noise_shape), torch.zeros(3, dtype=torch.int64))
    before = head.lengths[tokens].cumsum(1) - head.lengths[tokens]
    state = head.decoder.prefill(seen)
    inputs = torch.cat([head.begin(torch.zeros(3, 1, dtype=torch.int64)), head.embed(tokens[:, :-1], state)], dim=1)
    hidden, state = state.decode(inputs + head.position(before.clamp_max(7)), causal=True)
    logits = head.out(hidden, state).masked_fill(head.lengths > (8 - before)[..., None], -torch.inf)
    assert torch.equal(logits.argmax(-1)[valid], tokens[valid])


def test_every_generated_sequence_can_be_decoded():
    head, seen = build("fast"), context(64)
    torch.nn.init.normal_(head.out.weight, std=3.0)
    noise = torch.randn(64, *head.noise_shape, generator=torch.Generator().manual_seed(1))
    tokens, valid = head.generate(seen, noise, torch.zeros(64, dtype=torch.int64))
    assert len(set(valid.sum(1).tolist())) > 1  # of several lengths
    assert ((head.lengths[tokens] * valid).sum(1) == 8).all()
    assert head.sample(seen, noise, torch.zeros(64, dtype=torch.int64)).isfinite().all()


def test_the_loss_of_bins_is_the_mean_over_valid_entries_only():
    head, batch = build("bins"), make_batch(num=3)
    valid = torch.tensor([[True] * 4, [True, True, False, False], [True, False, False, False]])
    batch = dataclasses.replace(batch, action=batch.action.clamp(-1, 1), action_valid=valid)
    loss, metrics = head.loss(context(), batch, torch.Generator())
    other = torch.where(valid[..., None], batch.action, 0.5)
    again, _ = head.loss(context(), dataclasses.replace(batch, action=other), torch.Generator())
    torch.testing.assert_close(loss, again)
    assert metrics["clipped"] == 0
    _, metrics = head.loss(context(), dataclasses.replace(batch, action=batch.action + 9), torch.Generator())
    assert metrics["clipped"] == 1
    first = batch.action.clone()
    first[:, 0, 1] += 9
    _, metrics = head.loss(context(), dataclasses.replace(batch, action=first), torch.Generator())
    torch.testing.assert_close(metrics["clipped"], torch.tensor(3 / (2 * 7)))  # of the 7 valid steps


def test_a_tokenizer_from_a_file_is_used_as_it_is(tmp_path):
    path = tmp_path / "tokenizer.json"
    tokenizer = find_action_tokenizer("fast").fit(CHUNKS)
    path.write_text(json.dumps(tokenizer.to_json()))
    assert build(str(path)).tokenizer == tokenizer


def test_actions_outside_a_files_range_are_refused_in_one_line_before_training(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(find_action_tokenizer("bins").fit(CHUNKS / 2).to_json()))
    with pytest.raises(
        DataError, match=r"expected actions within the action tokenizer's range, got \d+ values outside"
    ) as e:
        build(str(path))
    assert "\n" not in str(e.value)


def test_a_tokenizer_from_a_file_for_another_horizon_is_refused_in_one_line(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(find_action_tokenizer("fast").fit(CHUNKS[:, :3]).to_json()))
    with pytest.raises(MismatchError, match=r"is for chunks of 3 actions x 2 dims, got 4 x 2; .*praxia tokenizer fit"):
        build(str(path))


def test_a_tokenizer_that_is_neither_registered_nor_a_file_is_refused(tmp_path):
    with pytest.raises(UnknownName, match="quantile-bins"):
        build("quantile-bin")
    with pytest.raises(PraxiaError, match=r"got nothing; `praxia tokenizer fit DATA --out"):
        build(str(tmp_path / "none.json"))


def test_parallel_bins_refuse_a_tokenizer_of_variable_length():
    with pytest.raises(
        MismatchError, match=r"'parallel-bins' needs a tokenizer of one token per action entry .* got 'fast'"
    ):
        ParallelBins("fast", SMALL).fit(lambda: CHUNKS).build(make_shapes(), 8)


def test_a_head_whose_tokenizer_is_not_fitted_is_refused():
    with pytest.raises(MismatchError, match="no fitted tokenizer"):
        Autoregressive("fast", SMALL).build(make_shapes(), 8)


def test_samples_are_centres_of_bins():
    head = ParallelBins("bins", SMALL).fit(lambda: CHUNKS).build(make_shapes(), 8)
    sample = head.sample(context(), torch.zeros(3, 4, 2), torch.zeros(3, dtype=torch.int64)).detach().numpy()
    again = head.tokenizer.encode(sample)
    np.testing.assert_array_equal(head.tokenizer.decode(again.tokens, again.valid).chunks, sample)
