import json
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
from public_models import make_vision, save_vision, small_vision

from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.encoders.public.vision import DINOV2_SMALL, FAMILIES, PublicVision, input_size
from praxia.encoders.public.vision_files import find_folder, read_vision

# Tokens before the patches, pixels per patch and width of the tiny models.
SIZES = {
    "clip_vision_model": (1, 8, 32),
    "dinov2": (1, 14, 32),
    "dinov2_with_registers": (5, 14, 32),
    "dinov3_convnext": (1, 32, 24),
    "dinov3_vit": (5, 8, 32),
    "resnet": (None, 16, 24),
    "siglip_vision_model": (0, 8, 32),
}


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def folder(kind, tmp_path_factory):
    return save_vision(kind, tmp_path_factory.mktemp(kind))


def load(folder, image_size=0):
    vision = PublicVision(read_vision(folder, FAMILIES), image_size)
    vision.load(folder)
    return vision


def make_images(rows, columns, num=2):
    return torch.randint(0, 256, (num, 3, rows, columns), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def test_features_equal_the_librarys_own_model(kind, folder):
    """At a size of another number of patches than in pretraining, and not square."""
    extra, stride, width = SIZES[kind]
    vision, own = load(folder, image_size=6 * stride), make_vision(kind)
    images = make_images(6 * stride, 4 * stride)
    with torch.no_grad():
        seen = vision(images)
        interpolated = {"interpolate_pos_encoding": True} if kind.startswith(("clip", "siglip")) else {}
        pixels = (images.double() / 255 - torch.tensor([0.4, 0.5, 0.6])[:, None, None]) / torch.tensor(
            [0.2, 0.25, 0.3]
        )[:, None, None]
        expected = own(pixels.float(), **interpolated)
    assert seen.patches.shape == (2, width, 6, 4)
    assert seen.cls.shape == (2, width) == (2, vision.width)
    tokens = expected.last_hidden_state
    for row, column in ((0, 0), (2, 3), (5, 1)):
        one = tokens[:, :, row, column] if extra is None else tokens[:, extra + 4 * row + column]
        torch.testing.assert_close(seen.patches[:, :, row, column], one, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(seen.cls, expected.pooler_output.flatten(1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", sorted(kind for kind in FAMILIES if kind.endswith(("model", "dinov2", "vit"))))
def test_where_the_image_changes_the_patch_changes_most(kind, tmp_path):
    stride = SIZES[kind][1]
    vision = load(save_vision(kind, tmp_path), image_size=4 * stride)
    images = make_images(4 * stride, 4 * stride)
    changed = images.clone()
    changed[:, :, :stride, 3 * stride :] = 255 - changed[:, :, :stride, 3 * stride :]
    with torch.no_grad():
        difference = (vision(images).patches - vision(changed).patches).abs().sum(1)
    assert (difference.flatten(1).argmax(1) == 3).all()  # first row, last column


def test_it_stays_in_evaluation_mode_and_draws_nothing(kind, folder):
    vision, images = load(folder), make_images(56, 56)
    before = {name: value.clone() for name, value in vision.state_dict().items()}
    torch.manual_seed(0)
    vision.train()
    assert not any(module.training for module in vision.modules())
    assert torch.equal(vision(images).patches, vision(images).patches)
    assert torch.equal(torch.rand(1), torch.rand(1, generator=torch.Generator().manual_seed(0)))
    assert all(torch.equal(value, before[name]) for name, value in vision.state_dict().items())


def test_frozen_weights_and_batch_norm_take_no_gradient(kind, folder):
    vision = load(folder)
    vision.freeze(all_weights=False)
    frozen = {name for name, one in vision.named_parameters() if not one.requires_grad}
    assert bool(frozen) == (kind == "resnet")
    assert all("normalization" in name for name in frozen)
    vision.freeze(all_weights=True)
    assert not vision(make_images(56, 56)).patches.requires_grad


def test_the_tower_of_a_model_with_text_and_the_trunk_of_a_classifier_are_taken(tmp_path):
    images = make_images(32, 32)
    for kind, tower in (("clip", "vision_model"), ("siglip", "vision_model"), ("resnet-classifier", "resnet")):
        vision = load(save_vision(kind, tmp_path / kind), image_size=32)
        with torch.no_grad():
            expected = getattr(make_vision(kind), tower)(vision.pixels(images)).pooler_output.flatten(1)
            torch.testing.assert_close(vision(images).cls, expected)


def test_images_are_scaled_whole_to_multiples_of_a_patch():
    assert input_size(480, 640, 224, 14) == (168, 224)
    assert input_size(224, 224, 224, 14) == (224, 224)
    assert input_size(100, 640, 224, 32) == (32, 224)
    assert input_size(384, 384, 384, 14) == (378, 378)  # SigLIP's own number of patches there
    assert input_size(1, 1000, 224, 16) == (16, 224)
    vision = PublicVision({**small_vision(), "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]})
    grey = torch.full((1, 3, 30, 50), 128, dtype=torch.uint8)
    expected = [(128 / 255 - mean) / std for mean, std in zip(vision.mean, vision.std, strict=True)]
    found = vision.pixels(grey)
    assert found.shape == (1, 3, 14, 28)
    torch.testing.assert_close(found.mean((0, 2, 3)), torch.tensor(expected))
    assert found.std((2, 3)).max() < 1e-5


def test_the_published_size_has_the_published_number_of_parameters():
    with torch.device("meta"):
        assert sum(one.numel() for one in PublicVision(DINOV2_SMALL).parameters()) == 22_056_576


@pytest.mark.parametrize(
    ("processor", "side"),
    [
        ({}, 56),
        ({"crop_size": None}, 64),
        ({"crop_size": None, "size": 48}, 48),
        ({"crop_size": None, "size": {"height": 40, "width": 40}}, 40),
    ],
)
def test_the_size_is_that_of_the_processor(processor, side, tmp_path):
    assert read_vision(save_vision("resnet", tmp_path, **processor), FAMILIES)["image_size"] == side


def test_a_processor_that_does_not_normalise_is_followed(tmp_path):
    found = read_vision(save_vision("resnet", tmp_path, do_normalize=False), FAMILIES)
    assert (found["mean"], found["std"]) == ([0.0] * 3, [1.0] * 3)


def test_what_is_missing_or_unknown_is_named_in_one_line(tmp_path):
    with pytest.raises(PraxiaError, match=r"expected the files of a public vision model at .*, got no config.json"):
        find_folder(str(tmp_path / "nowhere"))
    folder = save_vision("dinov2", tmp_path / "one")
    (folder / "preprocessor_config.json").rename(folder / "other.json")
    with pytest.raises(PraxiaError, match=r"got no preprocessor_config.json; `hf download"):
        find_folder(str(folder))
    with pytest.raises(UnknownName, match=r"unknown family of vision models 'dinov2'; nearest: siglip"):
        read_vision(save_vision("dinov2", tmp_path / "two"), ["siglip_vision_model"])
    with pytest.raises(PraxiaError, match=r"expected the size of an image in .*, got None; copy"):
        read_vision(save_vision("resnet", tmp_path / "three", crop_size=None, size=None), FAMILIES)


def test_weights_that_do_not_fit_their_config_are_refused(tmp_path):
    folder = save_vision("dinov2", tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(MismatchError, match=r"do not fit its config.json: \d+ weights are missing"):
        load(folder)


def cached(cache: Path, kind: str, name: str) -> Path:
    """A model in the layout of the Hub's cache."""
    commit, model = "0" * 40, cache / f"models--{name.replace('/', '--')}"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(commit)
    return save_vision(kind, model / "snapshots" / commit)


def test_a_model_is_found_in_the_hubs_cache_and_its_absence_said_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    folder = cached(tmp_path, "dinov2", "tiny/dinov2")
    assert find_folder("hf://tiny/dinov2") == folder
    assert find_folder(f"hf://tiny/dinov2@{'0' * 40}") == folder
    (folder / "config.json").unlink()
    for name in ("tiny/dinov2", "tiny/other", "not a name"):
        with pytest.raises(
            PraxiaError, match=r"expected hf://ORG/NAME\[@REVISION\].*got hf://|got no config"
        ) as refusal:
            find_folder(f"hf://{name}")
        assert "\n" not in str(refusal.value)
