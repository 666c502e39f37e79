import pytest

from praxia.data.features import camera_features, declared_dim_names, image_size, unsupported_images


def feature(shape, names=None, **declared):
    return {"dtype": declared.pop("dtype", "video"), "shape": shape, "names": names, "info": declared}


@pytest.mark.parametrize(
    ("shape", "names", "size"),
    [
        ([48, 64, 3], ["height", "width", "channels"], (48, 64)),
        ([3, 48, 64], ["channels", "height", "width"], (48, 64)),
        ([3, 48, 64], ["height", "width", "channels"], (48, 64)),  # the names are wrong, as the sizes show
        ([1, 48, 64], ["channels", "height", "width"], (48, 64)),
        ([48, 64, 1], None, (48, 64)),
        ([48, 64], ["height", "width"], (48, 64)),
        ([3, 64, 3], ["channels", "height", "width"], (64, 3)),
    ],
)
def test_the_size_of_an_image(shape, names, size):
    assert image_size(feature(shape, names)) == size


def test_a_shape_that_no_image_has():
    with pytest.raises(ValueError, match="expected images of shape"):
        image_size(feature([2, 48, 64, 3]))


@pytest.mark.parametrize(
    ("key", "one", "what"),
    [
        ("front", feature([48, 64, 3]), None),
        ("front", feature([48, 64, 4]), None),
        ("ir", feature([48, 64, 1], **{"video.pix_fmt": "gray", "video.is_depth_map": False}), None),
        ("ir", feature([48, 64, 1], dtype="image"), None),
        ("top_depth", feature([48, 64, 3], **{"video.is_depth_map": True}), None),  # colours of 8 bits
        ("top", feature([48, 64, 1], is_depth_map=True), "depth"),
        ("top", feature([1, 48, 64], **{"video.is_depth_map": True, "video.pix_fmt": "yuv420p"}), "depth (yuv420p)"),
        ("top", feature([48, 64, 1], **{"video.pix_fmt": "gray16le"}), "depth (gray16le)"),
        ("top", feature([48, 64, 3], **{"video.pix_fmt": "gray12le"}), "depth (gray12le)"),
        ("top_depth", feature([48, 64], dtype="image"), "depth"),
        ("flow", feature([48, 64, 2]), "images of 2 channels"),
    ],
)
def test_what_is_no_camera(key, one, what):
    assert unsupported_images(key, one) == what
    assert list(camera_features({key: one})) == ([] if what else [key])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b", "c"], ("a", "b", "c")),
        ({"motors": ["a", "b", "c"]}, ("a", "b", "c")),
        ([["a", "b", "c"]], ("a", "b", "c")),
        ({"arm": ["a", "b"], "hand": ["c"]}, ("a", "b", "c")),
        ({"left": {"motors": ["a"]}, "right": {"motors": ["b", "c"]}}, ("a", "b", "c")),
        ({"a": 0, "c": 2, "b": 1}, ("a", "b", "c")),
        ({"a": 0, "b": 0, "c": 1}, ()),
        (["a", "b"], ()),
        ([["a", "b"]], ()),
        ({"motors": None}, ()),
        (None, ()),
        ("joints", ()),
        ([1, 2, 3], ()),
    ],
)
def test_the_names_of_dims_in_every_nesting(names, expected):
    assert declared_dim_names(feature([3], names, dtype="float32")) == expected
