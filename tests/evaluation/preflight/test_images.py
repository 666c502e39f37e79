from dataclasses import replace

import numpy as np
import pytest
from preflight_testing import record, run_preflight, trained_on

from praxia.core.embodiment import Camera
from praxia.envs import ENVS, find_family
from praxia.envs.family import GoldenFrame
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.preflight.images import read_image, write_image

BENCHMARK, FAMILY = find_benchmark("bimodal"), find_family("bimodal")


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    return trained_on(record(tmp_path_factory.mktemp("bimodal") / "data", FAMILY, BENCHMARK, 4), cameras=("top",))


def drawing(change):
    """The family on a machine that draws something else than what is stored."""
    golden = FAMILY.golden
    assert golden is not None
    return replace(FAMILY, golden=GoldenFrame(lambda: change(golden.render()), golden.path))


def test_an_image_is_written_without_loss(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    write_image(tmp_path / "one.png", image)
    np.testing.assert_array_equal(read_image(tmp_path / "one.png"), image)


@pytest.mark.gl
@pytest.mark.parametrize("env", sorted(ENVS))
def test_every_familys_golden_image_is_what_this_version_renders(env):
    """After a change on purpose: `python -m praxia.evaluation.preflight.record --images`."""
    golden = find_family(env).golden
    assert golden is not None
    drawn, stored = golden.render().astype(float), read_image(golden.path)
    assert drawn.std() > 10, "an image of nothing proves nothing"
    assert np.abs(drawn - stored).mean() <= 2


@pytest.mark.parametrize(
    ("change", "ok", "message"),
    [
        (lambda image: image, True, "identical to the stored image"),
        (lambda image: image - np.uint8(1), True, "mean absolute difference 1.00 of 255, at most 2"),
        (lambda image: image - np.uint8(5), False, "differs by 5.00 of 255 on average, expected at most 2"),
        (lambda image: image[::-1], False, "of 255 on average"),
        (lambda image: image[:32], False, "has another size"),
    ],
)
def test_what_is_drawn_is_compared_with_what_is_stored(policy, change, ok, message):
    found = run_preflight(policy, BENCHMARK, drawing(change))["golden-frame"]
    assert found[0] is ok
    assert message in found[1]


def test_a_family_without_a_golden_image_is_not_silently_fine(policy):
    ok, detail = run_preflight(policy, BENCHMARK, replace(FAMILY, golden=None))["golden-frame"]
    assert ok is None
    assert "no golden image" in detail


def test_data_with_other_images_than_the_benchmark_draws_is_refused(tmp_path):
    dark = record(
        tmp_path / "dark",
        FAMILY,
        BENCHMARK,
        3,
        lambda one: replace(one, images={name: frames // 2 for name, frames in one.images.items()}),
    )
    found = run_preflight(trained_on(dark, ("top",)), BENCHMARK, FAMILY)
    assert found["recorded-frames"][0] is False
    assert "3 first images" in found["recorded-frames"][1]
    assert found["golden-frame"][0] is True
    assert found["replay"][0] is True


def test_data_of_another_size_or_without_the_camera_is_refused(policy):
    found = run_preflight(policy, replace(BENCHMARK, size=96), FAMILY)
    assert found["recorded-frames"] == (False, found["recorded-frames"][1])
    assert "has another size" in found["recorded-frames"][1]
    (embodiment,) = policy.embodiments
    beside = replace(embodiment, cameras=(*embodiment.cameras, Camera("side", 64, 64)))
    window = replace(policy.window, observation_steps={"state": (0,), "image.side": (0,)})
    with_side_camera = replace(policy, window=window, embodiments=(beside,))
    assert "has no camera 'side'" in run_preflight(with_side_camera, BENCHMARK, FAMILY)["recorded-frames"][1]


def test_a_blind_policy_needs_no_images(policy):
    found = run_preflight(
        replace(policy, window=replace(policy.window, observation_steps={"state": (0,)})), BENCHMARK, FAMILY
    )
    assert found["golden-frame"] == found["recorded-frames"]
    assert found["golden-frame"][0] is None
