"""Bytes of strangers become numbers, texts and arrays, or one clear error; never code, and never gigabytes."""

import io
import struct
import tracemalloc

import msgpack
import numpy as np
import pytest
from PIL import Image

from praxia.core.errors import PraxiaError, UnknownName
from praxia.wires.packing import MAX_ITEMS, Pixels, image_of, images_of, pack, unpack

VALUES = [
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.zeros((2, 0, 3), np.uint8),
    np.array(True),
    np.array([[1, 2], [3, 4]], ">i2"),
    np.float32(0.5),
    np.int64(-3),
]


@pytest.mark.parametrize("keys", ["bytes", "text"])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_arrays_and_numbers_of_numpy_survive(value, keys):
    found = unpack(pack({"value": value, "text": "ä", "list": [1, None, 2.5, b"x"]}, keys))
    np.testing.assert_array_equal(found["value"], value)
    assert found["value"].dtype == value.dtype
    assert (found["text"], found["list"]) == ("ä", [1, None, 2.5, b"x"])


def test_the_bytes_are_those_of_openpis_client():
    """`openpi_client.msgpack_numpy` packs an array as this map, whose keys are of msgpack's type BIN."""
    array = np.array([[1.5, -2]], np.float32)
    by_hand = {b"__ndarray__": True, b"data": array.tobytes(), b"dtype": "<f4", b"shape": (1, 2)}
    assert pack({"actions": array}) == msgpack.packb({"actions": by_hand})
    by_hand = {b"__npgeneric__": True, b"data": 2.5, b"dtype": "<f4"}
    assert pack(np.float32(2.5)) == msgpack.packb(by_hand)


def array_map(**changes):
    good = {b"__ndarray__": True, b"data": bytes(8), b"dtype": "<f4", b"shape": [2]}
    return msgpack.packb(good | {name.encode(): value for name, value in changes.items()})


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


BAD = {
    "nothing": b"",
    "a half message": pack({"a": VALUES[0]})[:-3],
    "two messages": pack(1) + pack(2),
    "a reserved byte": b"\xc1",
    "a text that is no UTF-8": b"\xa2\xff\xfe",
    "a map with an array as key": b"\x81\x91\x01\x01",
    "too deep": b"\x91" * 2000 + b"\x01",
    "a length beyond the message": struct.pack(">BI", 0xDD, 2**31),
    "many entries": msgpack.packb([0] * (MAX_ITEMS + 1)),
    "many maps": msgpack.packb([[{}] * 1000] * 100),
    "an extension": msgpack.packb(msgpack.ExtType(5, b"x")),
    "objects": array_map(dtype="|O"),
    "records": array_map(dtype="|V4"),
    "complex numbers": array_map(dtype="<c8"),
    "texts": array_map(dtype="<U2"),
    "a dtype with a shape": array_map(dtype="(2,)f4"),
    "a dtype of a list": array_map(dtype=["<f4"]),
    "a dtype that does not exist": array_map(dtype="<f1"),
    "too few bytes": array_map(shape=[3]),
    "a negative size": array_map(shape=[-2]),
    "an endless shape": array_map(shape=[2**40, 0]),
    "a shape of texts": array_map(shape=["2"]),
    "a deep shape": array_map(shape=deep(500)),
    "a deep dtype": array_map(dtype=deep(500)),
    "a flat shape": array_map(shape=2),
    "many axes": array_map(shape=[1] * 8 + [2]),
    "data as a text": array_map(data="12345678"),
    "no data": msgpack.packb({b"__ndarray__": True}),
    "a number of a text": msgpack.packb({b"__npgeneric__": True, b"data": "1", b"dtype": "<f4"}),
    "a number beyond its type": msgpack.packb({b"__npgeneric__": True, b"data": 300, b"dtype": "|u1"}),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_message_has_one_line(name):
    with pytest.raises(PraxiaError) as error:
        unpack(BAD[name])
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_a_message_costs_little_more_memory_than_its_bytes():
    """Eight million empty maps would be half a gigabyte."""
    hostile = b"\xdc\xff\xff" + (b"\xdc\xff\xff" + b"\x80" * 65535) * 100
    tracemalloc.start()
    with pytest.raises(PraxiaError):
        unpack(hostile)
    assert tracemalloc.get_traced_memory()[1] < 32e6
    tracemalloc.stop()


def compressed(image, kind):
    data = io.BytesIO()
    Image.fromarray(image).save(data, kind)
    return {"__image__": True, "format": kind.lower(), "data": data.getvalue()}


def test_images_in_every_form():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    raw = {"__image__": True, "format": "raw", "data": image.tobytes(), "shape": [4, 6, 3]}
    png = compressed(image, "PNG")
    for form in (image, image.transpose(2, 0, 1), raw, png, {name.encode(): one for name, one in png.items()}):
        np.testing.assert_array_equal(image_of(unpack(pack(form)), "image of 'top'", Pixels()), image)
    smooth = np.broadcast_to(np.linspace(0, 255, 32).astype(np.uint8)[:, None, None], (32, 32, 3))
    decoded = image_of(compressed(smooth, "JPEG"), "image of 'top'", Pixels())
    assert np.abs(decoded.astype(int) - smooth).max() < 8


def test_the_images_of_a_message_have_a_limit_together():
    """4096 x 4096 black pixels are 2 kB as a PNG; names are checked before anything is decoded."""
    file = io.BytesIO()
    Image.new("1", (4096, 4096)).save(file, "PNG", optimize=True)
    large = {"__image__": True, "format": "png", "data": file.getvalue()}
    small = compressed(np.zeros((8, 8, 3), np.uint8), "PNG")
    cameras, pixels = ["left", "right"], Pixels()
    with pytest.raises(PraxiaError, match="expected at most 16777216 pixels in a message, got 16777280 with image of"):
        images_of({"left": small, "right": large}, cameras, pixels)
    with pytest.raises(UnknownName, match="unknown camera 'top'"):
        images_of({"left": {"__image__": True}, "top": large}, cameras, Pixels())
    assert set(images_of({"left": small, "right": small}, cameras, Pixels())) == set(cameras)


def test_damaged_images_have_one_line():
    good = compressed(np.zeros((8, 8, 3), np.uint8), "PNG")
    bomb = compressed(np.zeros((5000, 5000, 3), np.uint8), "PNG")
    gif = io.BytesIO()
    Image.new("RGB", (4, 4)).save(gif, "GIF")
    for form in (
        {**good, "data": good["data"][:40]},
        {**good, "data": "text"},
        {**good, "format": "gif", "data": gif.getvalue()},
        {**good, "data": gif.getvalue()},
        {**good, "format": "raw", "shape": [8, 8, 3]},
        bomb,
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4)),
        "text",
    ):
        with pytest.raises(PraxiaError) as error:
            image_of(form, "image of 'top'", Pixels())
        assert "\n" not in str(error.value)


def test_only_numbers_are_packed():
    for value in (np.array([object()]), np.array(["text"]), np.array([1j]), object()):
        with pytest.raises(PraxiaError, match="expected numbers"):
            pack({"value": value})
