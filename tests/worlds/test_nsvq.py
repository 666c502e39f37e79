import math

import numpy as np
import pytest
import torch

from praxia.worlds.nsvq import NSVQ, Standardised, perplexity


@pytest.fixture
def quantiser():
    torch.manual_seed(0)
    return NSVQ(size=8, width=3).double()


def test_the_nearest_code_and_noise_of_the_length_of_its_error(quantiser):
    """Against distances computed in numpy."""
    generator = torch.Generator().manual_seed(1)
    x, noise = (torch.randn(5, 4, 3, generator=generator).double() for _ in range(2))
    found, index = quantiser(x, noise)
    codebook = quantiser.codebook.detach().numpy()
    distances = np.linalg.norm(x.numpy()[:, :, None] - codebook, axis=-1)
    assert np.array_equal(index.numpy(), distances.argmin(-1))
    np.testing.assert_allclose((found.detach() - x).norm(dim=-1).numpy(), distances.min(-1))
    along = torch.nn.functional.cosine_similarity(found.detach() - x, noise, dim=-1)
    torch.testing.assert_close(along, torch.ones_like(along))
    codes, same = quantiser(x, None)
    assert torch.equal(index, same)
    assert torch.equal(codes, quantiser.codebook[index])


def test_gradients_reach_encoder_and_codebook_and_are_those_of_differences(quantiser):
    generator = torch.Generator().manual_seed(1)
    x, noise = (torch.randn(2, 2, 3, generator=generator).double() for _ in range(2))

    def quantised(x, codebook):
        return torch.func.functional_call(quantiser, {"codebook": codebook}, (x, noise))[0]

    codebook = quantiser.codebook.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(quantised, (x.requires_grad_(), codebook))


def test_what_is_exactly_a_code_has_finite_gradients(quantiser):
    x = quantiser.codebook.detach()[:2, None].clone().requires_grad_()
    quantiser(x, torch.ones(2, 1, 3).double())[0].sum().backward()
    assert torch.isfinite(x.grad).all()
    assert torch.isfinite(quantiser.codebook.grad).all()


def test_unused_codes_move_next_to_used_ones_and_these_stay(quantiser):
    before = quantiser.codebook.detach().clone()
    index = torch.tensor([[0, 1]] * 9 + [[2, 2]])
    valid = torch.tensor([True] * 9 + [False])
    quantiser.count(index, valid)
    assert quantiser.chosen.tolist() == [9, 9, 0, 0, 0, 0, 0, 0]
    quantiser.replace_unused(torch.Generator().manual_seed(3))
    assert torch.equal(quantiser.codebook[:2], before[:2])
    nearest = torch.cdist(quantiser.codebook[2:].detach(), before[:2]).amin(1)
    assert (nearest > 0).all()
    assert (nearest < 0.1 * torch.dist(before[0], before[1])).all()
    assert quantiser.chosen.sum() == quantiser.updates == 0
    quantiser.replace_unused(torch.Generator())
    assert torch.equal(quantiser.codebook[:2], before[:2]), "nothing was counted, so nothing is known"


@pytest.mark.parametrize(("replaces", "least", "most"), [(False, 1, 4), (True, 6, 8)])
def test_the_codebook_collapses_without_replacement_and_not_with_it(replaces, least, most):
    """Eight clusters, far from where the codes begin."""
    torch.manual_seed(0)
    quantiser, generator = NSVQ(size=8, width=4), torch.Generator().manual_seed(0)
    centres = 5 * torch.randn(8, 4, generator=generator) + 10
    optimizer = torch.optim.Adam(quantiser.parameters(), lr=0.05)
    for step in range(400):
        which = torch.randint(8, (64, 1), generator=generator)
        x = centres[which] + 0.1 * torch.randn(64, 1, 4, generator=generator)
        found, index = quantiser(x, torch.randn(x.shape, generator=generator))
        optimizer.zero_grad()
        (found - x).square().mean().backward()
        optimizer.step()
        quantiser.count(index, torch.ones(64, dtype=torch.bool))
        if replaces and step < 300 and int(quantiser.updates) == 20:
            quantiser.replace_unused(generator)
    found = perplexity(torch.bincount(quantiser(centres[:, None], None)[1].flatten(), minlength=8).double())
    assert least <= float(found) <= most + 1e-6


def test_perplexity_is_the_number_of_codes_where_they_are_used_equally():
    counts = torch.tensor([[5.0, 5, 5, 5], [7, 0, 0, 0], [4, 2, 2, 0]])
    np.testing.assert_allclose(perplexity(counts), [4, 1, math.exp(1.5 * math.log(2))], rtol=1e-6)


def test_what_is_quantised_is_standardised_over_valid_rows():
    standardised = Standardised(2, 3).double()
    generator = torch.Generator().manual_seed(0)
    x = 0.1 * torch.randn(40, 2, 3, generator=generator).double() + torch.arange(3)
    valid = torch.arange(40) < 30
    found = standardised(x.where(valid[:, None, None], 1e3), valid)[:30]
    rows = x[:30].numpy()
    np.testing.assert_allclose(found, (rows - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-8), rtol=1e-6, atol=1e-9)
    for _ in range(200):
        standardised(x, valid)
    before = {name: value.clone() for name, value in standardised.state_dict().items()}
    alone = standardised.eval()(x[:1], valid[:1])
    torch.testing.assert_close(alone, found[:1], rtol=0.05, atol=0.05)
    assert all(torch.equal(value, before[name]) for name, value in standardised.state_dict().items())
