"""Heads that predict codes: sampling, decoding, the cached prefix, and codes that do not fit."""

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
from praxia.heads.tokenized import uniform
from praxia.nn.types import Context

SMALL = PrefixTransformer(width=16, depth=2, num_heads=2)
CHUNKS = make_batch(num=300).action.clamp(-1, 1).numpy()


def made(code="bins", **options):
    torch.manual_seed(0)
    return Autoregressive(code, SMALL, **options).fit(CHUNKS).build(make_shapes(), 8).eval()


def context(num=3):
    tokens = torch.randn(num, 2, 8, generator=torch.Generator().manual_seed(2))
    return Context(tokens, torch.ones(num, 2, dtype=torch.bool), {"readout": slice(0, 1)})


def test_an_id_is_chosen_as_often_as_it_is_likely():
    logits = torch.log(torch.tensor([0.1, 0.6, 0.3])).expand(20_000, 3)
    draws = uniform(torch.randn(20_000, generator=torch.Generator().manual_seed(0)))
    share = torch.bincount(choose(logits, draws, 1.0), minlength=3) / 20_000
    torch.testing.assert_close(share, torch.tensor([0.1, 0.6, 0.3]), atol=0.015, rtol=0)
    sharper = torch.bincount(choose(logits, draws, 0.5), minlength=3) / 20_000
    torch.testing.assert_close(sharper, torch.tensor([0.01, 0.36, 0.09]) / 0.46, atol=0.015, rtol=0)
    assert (choose(logits, draws, 0.0) == 1).all()


@pytest.mark.parametrize("code", ["bins", "fast"])
def test_generation_with_its_cache_is_the_network_read_at_once(code):
    """At temperature 0 each id must be the likeliest one of the uncached forward over all ids before it."""
    head, seen = made(code, temperature=0.0), context()
    torch.nn.init.normal_(head.out.weight)
    ids, valid = head.generate(seen, torch.zeros(3, *head.noise_shape), torch.zeros(3, dtype=torch.int64))
    before = head.lengths[ids].cumsum(1) - head.lengths[ids]
    reading = head.decoder.begin(seen)
    inputs = torch.cat([head.begin(torch.zeros(3, 1, dtype=torch.int64)), head.embed(ids[:, :-1], reading)], dim=1)
    hidden, reading = reading.extend(inputs + head.place(before.clamp_max(7)), causal=True)
    logits = head.out(hidden, reading).masked_fill(head.lengths > (8 - before)[..., None], -torch.inf)
    assert torch.equal(logits.argmax(-1)[valid], ids[valid])


def test_whatever_is_generated_can_be_decoded():
    head, seen = made("fast"), context(64)
    torch.nn.init.normal_(head.out.weight, std=3.0)
    noise = torch.randn(64, *head.noise_shape, generator=torch.Generator().manual_seed(1))
    ids, valid = head.generate(seen, noise, torch.zeros(64, dtype=torch.int64))
    assert len(set(valid.sum(1).tolist())) > 1  # of several lengths
    assert ((head.lengths[ids] * valid).sum(1) == 8).all()
    assert head.sample(seen, noise, torch.zeros(64, dtype=torch.int64)).isfinite().all()


def test_the_loss_of_bins_is_the_mean_over_valid_entries_alone():
    head, batch = made("bins"), make_batch(num=3)
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
    torch.testing.assert_close(metrics["clipped"], torch.tensor(3 / (2 * 7)))  # of the 7 steps that count


def test_a_code_from_a_file_is_taken_as_it_is(tmp_path):
    path = tmp_path / "code.json"
    code = find_action_tokenizer("fast").fit(CHUNKS)
    path.write_text(json.dumps(code.to_json()))
    assert made(str(path)).code == code


def test_actions_outside_of_a_files_range_are_refused_in_one_line_before_training(tmp_path):
    path = tmp_path / "code.json"
    path.write_text(json.dumps(find_action_tokenizer("bins").fit(CHUNKS / 2).to_json()))
    with pytest.raises(
        DataError, match=r"expected actions within the action code's range, got \d+ values outside"
    ) as e:
        made(str(path))
    assert "\n" not in str(e.value)


def test_a_horizon_that_a_files_code_cannot_hold_is_refused_in_one_line(tmp_path):
    path = tmp_path / "code.json"
    path.write_text(json.dumps(find_action_tokenizer("fast").fit(CHUNKS[:, :3]).to_json()))
    with pytest.raises(MismatchError, match=r"holds chunks of 3 actions x 2 dims, got 4 x 2; .*praxia codes fit"):
        made(str(path))


def test_a_code_that_is_neither_known_nor_a_file_is_refused(tmp_path):
    with pytest.raises(UnknownName, match="quantile-bins"):
        made("quantile-bin")
    with pytest.raises(PraxiaError, match=r"got nothing; `praxia codes fit DATA --out"):
        made(str(tmp_path / "none.json"))


def test_parallel_bins_refuse_a_code_of_other_lengths():
    with pytest.raises(MismatchError, match=r"'parallel-bins' needs a code of one id an action entry .* got 'fast'"):
        ParallelBins("fast", SMALL).fit(CHUNKS).build(make_shapes(), 8)


def test_a_head_whose_code_was_not_fitted_is_refused():
    with pytest.raises(MismatchError, match="no fitted code"):
        Autoregressive("fast", SMALL).build(make_shapes(), 8)


def test_bins_come_back_as_their_centres():
    head = ParallelBins("bins", SMALL).fit(CHUNKS).build(make_shapes(), 8)
    sample = head.sample(context(), torch.zeros(3, 4, 2), torch.zeros(3, dtype=torch.int64)).detach().numpy()
    again = head.code.encode(sample)
    np.testing.assert_array_equal(head.code.decode(again.ids, again.valid).chunks, sample)
