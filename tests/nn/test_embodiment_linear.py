import torch

from praxia.nn.embodiment_linear import EmbodimentLinear, dim_masks, embodiment_linear, mask_dims


def test_each_row_is_multiplied_by_the_weights_of_its_embodiment():
    torch.manual_seed(0)
    layer = embodiment_linear(3, 5, 4).double()
    assert isinstance(layer, EmbodimentLinear)
    x, embodiment = torch.randn(7, 5, dtype=torch.float64), torch.tensor([0, 2, 1, 1, 0, 2, 2])
    y = layer(x, embodiment)
    for row, number in enumerate(embodiment):
        expected = torch.nn.functional.linear(x[row], layer.weight[number].T, layer.bias[number])
        torch.testing.assert_close(y[row], expected)


def test_an_embodiment_missing_from_the_batch_gets_no_gradient():
    layer = embodiment_linear(3, 5, 4)
    layer(torch.randn(4, 5), torch.tensor([0, 2, 2, 0])).square().sum().backward()
    touched = layer.weight.grad.flatten(1).abs().sum(1) + layer.bias.grad.abs().sum(1)
    assert (touched > 0).tolist() == [True, False, True]


def test_it_starts_as_a_linear_layer_does():
    torch.manual_seed(0)
    layer, plain = embodiment_linear(2, 400, 300), torch.nn.Linear(400, 300)
    for ours, theirs in ((layer.weight, plain.weight), (layer.bias, plain.bias)):
        assert abs(ours.std() / theirs.std() - 1) < 0.1
        assert abs(ours.abs().max() / theirs.abs().max() - 1) < 0.02


def test_one_embodiment_is_a_plain_linear_layer():
    torch.manual_seed(0)
    layer = embodiment_linear(1, 5, 4)
    torch.manual_seed(0)
    plain = torch.nn.Linear(5, 4)
    x = torch.randn(6, 5)
    assert torch.equal(layer(x, torch.zeros(6, dtype=torch.int64)), plain(x))
    assert layer.state_dict().keys() == plain.state_dict().keys()


def test_an_embodiment_has_the_first_dims():
    assert dim_masks([1, 3]).tolist() == [[True, False, False], [True, True, True]]


def test_missing_dims_become_zero_and_a_single_embodiment_has_all_dims():
    x = torch.tensor([[[1.0, float("nan")]], [[2.0, 3.0]]])
    masked = mask_dims(x, dim_masks([1, 2]), torch.tensor([0, 1]))
    assert masked.tolist() == [[[1.0, 0.0]], [[2.0, 3.0]]]
    assert mask_dims(x, dim_masks([2]), torch.tensor([0, 0])) is x
