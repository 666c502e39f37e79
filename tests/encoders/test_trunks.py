import pytest
import torch
from praxia_testing import make_shapes
from safetensors.torch import save_file
from torch import nn

from praxia.core.errors import MismatchError, PraxiaError
from praxia.encoders.resnet_grid import ResNetGrid
from praxia.encoders.trunks import FrozenBatchNorm, TorchvisionTrunk, build_trunk
from praxia.nn.ema import Ema


def drawn(num=2, size=64):
    return torch.randint(0, 256, (num, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_a_frozen_norm_is_batch_norm_in_evaluation():
    torch.manual_seed(0)
    theirs = nn.BatchNorm2d(4).eval()
    for value in (theirs.weight.data, theirs.bias.data, theirs.running_mean, theirs.running_var):
        value.add_(torch.rand(4))
    ours = FrozenBatchNorm(4)
    ours.load_state_dict({name: value for name, value in theirs.state_dict().items() if "num_batches" not in name})
    x = torch.randn(3, 4, 5, 5)
    torch.testing.assert_close(ours(x), theirs(x))


def test_a_frozen_norm_never_moves_and_takes_no_optimiser_state():
    torch.manual_seed(0)
    trunk = TorchvisionTrunk((8, 16), frozen=True).train()
    for module in trunk.modules():
        if isinstance(module, FrozenBatchNorm):
            for value in module.buffers():
                value.add_(torch.rand(value.shape))
    names = [name for name, _ in trunk.named_buffers() if "bn" in name or "downsample" in name]
    assert len(names) == 4 * 10  # the stem's norm, two in each of four blocks, one of a shortcut
    before = {name: trunk.get_buffer(name).clone() for name in names}
    optimizer, ema = torch.optim.AdamW(trunk.parameters(), lr=0.1, weight_decay=0.1), Ema(trunk, 0.9)
    for step in range(3):
        optimizer.zero_grad()
        trunk(drawn()).square().mean().backward()
        optimizer.step()
        ema.update(trunk, step)
    assert not names & dict(trunk.named_parameters()).keys()
    assert len(optimizer.state) == sum(1 for module in trunk.modules() if isinstance(module, nn.Conv2d))
    for name, value in before.items():
        assert torch.equal(trunk.get_buffer(name), value)
        torch.testing.assert_close(ema.state[name], value, rtol=1e-6, atol=0)


def test_resnet_18_has_torchvisions_parameters():
    """11,689,512 of torchvision's resnet18, of which 513,000 are its last layer and 9,600 those of its norms."""
    sizes = (64, 128, 256, 512)
    with torch.device("meta"):
        frozen, grouped = (TorchvisionTrunk(sizes, frozen=one) for one in (True, False))
    assert sum(one.numel() for one in grouped.parameters()) == 11_689_512 - 513_000
    assert sum(one.numel() for one in frozen.parameters()) == 11_689_512 - 513_000 - 9_600
    names = dict(frozen.state_dict())
    assert {"conv1.weight", "bn1.running_var", "layer4.1.conv2.weight", "layer2.0.downsample.1.bias"} <= names.keys()


@pytest.mark.parametrize("kind", ["convolution-stem", "group-norm", "frozen-batch-norm"])
def test_a_trunk_halves_the_image_twice_and_between_stages(kind):
    torch.manual_seed(0)
    assert build_trunk(kind, (8, 16, 16))(drawn()).shape == (2, 16, 4, 4)


def test_pixels_are_normalised_as_imagenets():
    """The first convolution sees mean 0 where every pixel is ImageNet's mean colour, and 1 a deviation above it."""
    trunk = TorchvisionTrunk((8,), frozen=True)
    seen = []
    trunk.conv1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    for colour in ((124, 116, 104), (182, 173, 161)):  # 255 times the mean, and that plus a deviation, rounded
        trunk(torch.tensor(colour, dtype=torch.uint8)[None, :, None, None].expand(1, 3, 32, 32))
    torch.testing.assert_close(seen[0], torch.zeros_like(seen[0]), rtol=0, atol=0.02)
    torch.testing.assert_close(seen[1], torch.ones_like(seen[1]), rtol=0, atol=0.02)


def encoder_with(path, channels=(8, 16)):
    return ResNetGrid(channels=channels, trunk="frozen-batch-norm", detr_width=12, weights=str(path)).build(
        make_shapes()
    )


def test_weights_and_statistics_are_loaded_from_a_file_by_torchvisions_names(tmp_path):
    """Among them the counters of its norms and its last layer, which have no place here."""
    torch.manual_seed(0)
    drawn_weights = {
        name: torch.rand(value.shape) for name, value in TorchvisionTrunk((8, 16), frozen=True).state_dict().items()
    }
    more = {"fc.weight": torch.rand(10, 16), "bn1.num_batches_tracked": torch.tensor(7)}
    save_file({**drawn_weights, **more}, tmp_path / "model.safetensors")
    encoder = encoder_with(tmp_path / "model.safetensors")
    assert not torch.equal(encoder.trunk.conv1.weight, drawn_weights["conv1.weight"])
    encoder.load()
    for name, value in encoder.trunk.state_dict().items():
        assert torch.equal(value, drawn_weights[name])


def test_files_that_do_not_fit_are_refused_in_one_line(tmp_path):
    with pytest.raises(PraxiaError, match=r"to be a safetensors file of a ResNet, got .*absent"):
        encoder_with(tmp_path / "absent").load()
    (tmp_path / "text").write_text("weights")
    with pytest.raises(PraxiaError, match=r"to be a safetensors file of a ResNet, got .*text"):
        encoder_with(tmp_path / "text").load()
    save_file(TorchvisionTrunk((8, 16), frozen=True).state_dict(), tmp_path / "small")
    with pytest.raises(MismatchError, match=r"expected conv1.weight of shape \(4, 3, 7, 7\), got \(8, 3, 7, 7\)"):
        encoder_with(tmp_path / "small", channels=(4, 16)).load()
    with pytest.raises(MismatchError, match=r"expected layer3.0.conv1.weight of shape \(32, 16, 3, 3\), got none"):
        encoder_with(tmp_path / "small", channels=(8, 16, 32)).load()
    with pytest.raises(PraxiaError, match=r"trunk frozen-batch-norm and .*, got group-norm and None"):
        ResNetGrid(trunk="group-norm", weights="file")


@pytest.mark.parametrize("width", [0, 30, -4])
def test_a_width_that_positions_cannot_have_is_refused(width):
    with pytest.raises(PraxiaError, match=f"a multiple of 4, .*, got {width}$"):
        ResNetGrid(detr_width=width)
