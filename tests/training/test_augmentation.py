import colorsys
import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from praxia_testing import Stop, make_batch, stop_after
from scipy import ndimage

from praxia.checkpoint.migration import NO_AUGMENTATION
from praxia.core.config import config_to_json
from praxia.core.errors import PraxiaError
from praxia.training import engine
from praxia.training.augmentation import (
    Augmentation,
    affine,
    augment,
    augment_images,
    blend,
    blur,
    expect_augmentation,
    grey,
    smooth,
    turn_hue,
)

ON = Augmentation(enable=True)
ZERO = ("brightness", "contrast", "saturation", "hue", "sharpness", "blur_px", "degrees", "translate")
OFF = Augmentation(enable=True, crop=1.0, **dict.fromkeys(ZERO, 0.0))
STRONG = {
    "brightness": 0.5, "contrast": 0.5, "saturation": 0.9, "hue": 0.4, "sharpness": 0.9, "blur_px": 2.0,
    "crop": 0.6, "degrees": 30.0, "translate": 0.3,
}  # fmt: skip


def make_images(num=4, steps=2, rows=24, columns=32):
    """A smooth scene with an edge, in colour."""
    y, x = torch.meshgrid(torch.linspace(0, 1, rows), torch.linspace(0, 1, columns), indexing="ij")
    scene = torch.stack([x, y * x, 1 - y]) * 200 + 30
    scene[:, 6:12, 8:20] = torch.tensor([200.0, 30.0, 60.0])[:, None, None]
    noise = torch.randn(num, steps, 3, rows, columns, generator=torch.Generator().manual_seed(0)) * 3
    return (scene + noise).clamp(0, 255).to(torch.uint8)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def as_pil(image):
    return Image.fromarray(image.permute(1, 2, 0).numpy())


def as_levels(x):
    return (x * 255).round()


@pytest.mark.parametrize("name", STRONG)
def test_a_strength_changes_each_row_in_its_own_way_and_all_its_timesteps_equally(name):
    row = make_images(1, 1).expand(5, 3, -1, -1, -1)
    found = augment_images(row, dataclasses.replace(OFF, **{name: STRONG[name]}), generator())
    assert found.dtype == torch.uint8
    assert found.shape == row.shape
    assert (found == found[:, :1]).all()
    assert len({tuple(one.flatten().tolist()) for one in found}) == 5
    assert (found != row).any()


def test_at_strength_zero_no_pixel_changes():
    images = make_images()
    assert torch.equal(augment_images(images, OFF, generator()), images)


def test_what_is_drawn_is_a_function_of_the_generator_alone():
    images = make_images()
    one, two, other = (augment_images(images, ON, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    # A row does not depend on the images of other rows.
    changed = images.clone()
    changed[1:] = 255 - changed[1:]
    assert torch.equal(augment_images(changed, ON, generator(1))[0], one[0])


@pytest.mark.parametrize("steps", [1, 2])
def test_the_order_of_axes_in_memory_does_not_matter(steps):
    images = make_images(steps=steps)
    as_loaded = images.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
    everything = dataclasses.replace(ON, blur_px=1.0)
    one, two = (augment_images(value, everything, generator()).int() for value in (images, as_loaded))
    assert (one - two).abs().max() <= 1


def test_a_strength_is_drawn_alike_whatever_the_others_are():
    black = torch.zeros(6, 1, 3, 8, 8, dtype=torch.uint8)
    black[..., :4, :] = 120
    alone = augment_images(black, dataclasses.replace(OFF, brightness=0.5), generator())
    beside = augment_images(black, dataclasses.replace(OFF, brightness=0.5, saturation=0.5), generator())
    assert torch.equal(alone, beside)  # a grey has no saturation


def test_cameras_differ_and_the_rest_of_a_batch_stays():
    batch = make_batch()
    two = dataclasses.replace(batch, images={"front": batch.images["front"], "wrist": batch.images["front"]})
    found = augment(two, ON, generator())
    assert not torch.equal(found.images["front"], found.images["wrist"])
    assert found.state is two.state
    assert found.action is two.action
    assert torch.equal(two.images["front"], batch.images["front"])


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.7])
@pytest.mark.parametrize("kind", ["Brightness", "Contrast", "Color", "Sharpness"])
def test_colours_and_sharpness_are_pils(kind, factor):
    """PIL rounds what it interpolates from, so that a grey level may differ by the factor's share of one."""
    images = make_images(1, 1)
    x = images.float() / 255
    other = {
        "Brightness": torch.zeros_like(x),
        "Contrast": grey(x).mean((2, 3, 4), keepdim=True),
        "Color": grey(x),
        "Sharpness": smooth(x),
    }[kind]
    found = as_levels(blend(x, other, torch.tensor([factor])))[0, 0].permute(1, 2, 0).numpy()
    expected = np.asarray(getattr(ImageEnhance, kind)(as_pil(images[0, 0])).enhance(factor), np.float32)
    assert np.abs(found - expected).max() <= 1.0 + 0.5 * abs(1 - factor)


@pytest.mark.parametrize("turn", [-0.3, 0.0, 0.05, 0.5, 1.0])
def test_hue_is_colorsys(turn):
    colours = torch.rand(300, 3, generator=generator(3))
    colours[:6] = torch.tensor([[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5], [1, 0, 0], [1, 1, 0], [0, 0.2, 1]])
    found = turn_hue(colours.T.reshape(1, 1, 3, 1, 300), torch.tensor([turn]))[0, 0, :, 0].T

    def expected(red, green, blue):
        hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
        return colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)

    torch.testing.assert_close(found, torch.tensor([expected(*one) for one in colours.tolist()]), atol=2e-6, rtol=0)


def test_blur_is_scipys():
    x = make_images(2, 1).float() / 255
    sigma = torch.tensor([0.7, 2.0])
    found = blur(x, sigma, 2.0)
    for row, deviation in enumerate(sigma.tolist()):
        expected = x[row, 0].numpy().astype(np.float64)
        for axis in (1, 2):
            expected = ndimage.gaussian_filter1d(expected, deviation, axis=axis, mode="nearest", radius=6)
        np.testing.assert_allclose(found[row, 0].numpy(), expected, atol=1e-5)
    torch.testing.assert_close(blur(x, torch.zeros(2), 2.0), x)


def test_geometry_is_scipys():
    """Rotation in pixels, of an image that is not square, about its centre; then the crop's size and place."""
    x = make_images(1, 1).float() / 255
    share, angle, right, down = 0.8, np.radians(17.0), 0.1, -0.05
    found = affine(x, torch.tensor([share]), torch.tensor([angle]).float(), torch.tensor([[right], [down]]))
    height, width = x.shape[-2:]
    centre = np.array([(height - 1) / 2, (width - 1) / 2])
    # In (row, column): from the result to the image.
    matrix = share * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    at = centre + np.array([down * height, right * width])
    for channel in range(3):
        expected = ndimage.affine_transform(
            x[0, 0, channel].numpy().astype(np.float64), matrix, at - matrix @ centre, order=1, mode="nearest"
        )
        np.testing.assert_allclose(found[0, 0, channel].numpy(), expected, atol=2e-5)


def test_a_crop_stays_within_the_image_and_its_share():
    """An image whose pixels say where they are."""
    rows = torch.arange(100)[:, None].expand(100, 100)
    place = torch.stack([rows, rows.T, rows * 0]).to(torch.uint8).expand(200, 1, 3, 100, 100)
    found = augment_images(place, dataclasses.replace(OFF, crop=0.6), generator()).float()
    for channel in (0, 1):
        low, high = (found[:, 0, channel].flatten(1).min(1).values, found[:, 0, channel].flatten(1).max(1).values)
        side = high - low + 1
        assert 59 <= side.min() < 65
        assert 95 < side.max() <= 100
        assert low.max() > 20  # and it lies anywhere
        assert high.min() < 80


def test_factors_reach_both_ends_of_their_range():
    grey_images = torch.full((2000, 1, 3, 3, 3), 100, dtype=torch.uint8)
    found = augment_images(grey_images, dataclasses.replace(OFF, brightness=0.3), generator())[:, 0, 0, 0, 0]
    assert 70 <= found.min() <= 71
    assert 129 <= found.max() <= 130
    strong = augment_images(grey_images, dataclasses.replace(OFF, brightness=1.5), generator())[:, 0, 0, 0, 0]
    assert strong.min() == 0
    assert 248 <= strong.max() <= 250


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("brightness", -0.1, r"--train.augmentation.brightness of at least 0.0, got -0.1"),
        ("hue", 0.6, r"--train.augmentation.hue of at least 0.0 and at most 0.5, got 0.6"),
        ("crop", 0.0, r"--train.augmentation.crop of at least 0.05 and at most 1.0, got 0.0"),
        ("blur_px", float("nan"), r"--train.augmentation.blur-px of at least 0.0, got nan"),
    ],
)
def test_a_strength_without_a_meaning_is_refused(option, value, message, tiny_run, dataset_path, tmp_path):
    run = dataclasses.replace(
        tiny_run, train=dataclasses.replace(tiny_run.train, augmentation=Augmentation(**{option: value}))
    )
    with pytest.raises(PraxiaError, match=message):
        engine.train(run, [dataset_path], tmp_path / "run", recipe="tiny", command="")
    expect_augmentation(ON)
    expect_augmentation(OFF)


def test_runs_of_before_it_existed_had_what_is_off_today():
    assert config_to_json(Augmentation()) == NO_AUGMENTATION


def test_a_run_is_augmented_by_step_and_goes_on_bit_identically(tiny_run, dataset_path, tmp_path):
    def fit(out, augmentation, **more):
        run = dataclasses.replace(tiny_run, train=dataclasses.replace(tiny_run.train, augmentation=augmentation))
        return engine.train(run, [dataset_path], out, recipe="tiny", command="", **more)

    whole = fit(tmp_path / "whole", ON)
    with pytest.raises(Stop):
        fit(tmp_path / "run", ON, report=stop_after(2))
    assert fit(tmp_path / "run", ON, resume=True)["weights_sha256"] == whole["weights_sha256"]
    plain = fit(tmp_path / "plain", Augmentation())
    assert plain["weights_sha256"] != whole["weights_sha256"]
    # Strengths of what is off do not count.
    assert plain["weights_sha256"] == fit(tmp_path / "off", Augmentation(hue=0.5))["weights_sha256"]
