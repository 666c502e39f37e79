"""msgpack with arrays and images, for bytes that strangers send: bounded, and nothing is ever unpickled.

An array is a map {__ndarray__: true, data, dtype, shape} and a number of numpy {__npgeneric__: true, data, dtype}. The
keys are of the type BIN in openpi's clients (`openpi_client.msgpack_numpy`), and texts in those of
vla-evaluation-harness. In those of GR00T an array is {__ndarray_class__: true, as_npy: the bytes of a .npy file}. A
compressed image is a map {__image__: true, format: "png" | "jpeg", data}.
"""

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Shaped, UInt8
from PIL import Image

from praxia.core.errors import PraxiaError, UnknownName, crash_text, optional_import
from praxia.data.images import to_rgb, upright_size

__all__ = [
    "MAX_ITEMS",
    "MAX_PIXELS",
    "Keys",
    "Pixels",
    "describe",
    "expect_map",
    "expect_text",
    "image_of",
    "images_of",
    "pack",
    "unpack",
]

Keys = Literal["bytes", "text", "npy"]

# Entries of all lists and maps of a message together. An observation has dozens; each costs up to a hundred bytes of
# memory, where the message has one.
MAX_ITEMS = 20_000
MAX_AXES = 8
# Of all compressed images of a message: a few kilobytes may decode to gigabytes.
MAX_PIXELS = 4096 * 4096

_NAMES = ("__ndarray__", "__npgeneric__", "data", "dtype", "shape")
_KEYS = (tuple(name.encode() for name in _NAMES), _NAMES)
_DTYPE = re.compile(r"[<>|=]?[biuf][1248]")


def pack(value: Any, keys: Keys = "bytes") -> bytes:
    """`value` as msgpack: maps, lists, texts, bytes, numbers, and numpy arrays and numbers as maps with such `keys`."""
    with optional_import("a wire", "serve"):
        import msgpack

    packed: Any = msgpack.packb(value, default=_pack_array(keys))
    return packed


def _pack_array(keys: Keys) -> Callable[[Any], dict[Any, Any]]:
    def key(name: str) -> Any:
        return name.encode() if keys == "bytes" else name

    def default(value: Any) -> dict[Any, Any]:
        if not isinstance(value, np.ndarray | np.generic) or _DTYPE.fullmatch(value.dtype.str) is None:
            raise PraxiaError(f"expected numbers, texts, lists and maps in a message, got {type(value).__name__}")
        if keys == "npy":
            file = io.BytesIO()
            np.save(file, value, allow_pickle=False)
            return {"__ndarray_class__": True, "as_npy": file.getvalue()}
        if isinstance(value, np.generic):
            return {key("__npgeneric__"): True, key("data"): value.item(), key("dtype"): value.dtype.str}
        described = {key("dtype"): value.dtype.str, key("shape"): value.shape}
        return {key("__ndarray__"): True, key("data"): value.tobytes(), **described}

    return default


def unpack(data: bytes) -> Any:
    """The inverse of `pack`, for either type of keys. Arrays share the memory of `data` and cannot be written to.

    Raises:
        PraxiaError: not one msgpack value, too many entries, nested too deeply, an extension type, or an array whose
            dtype is no number or whose shape does not fit its bytes.
    """
    with optional_import("a wire", "serve"):
        import msgpack

    count = _Count()
    try:
        # msgpack itself stops at 1024 levels, and at lengths beyond the message.
        return msgpack.unpackb(
            data,
            object_hook=count.map,
            list_hook=count.list,
            ext_hook=_refuse_extension,
            max_array_len=MAX_ITEMS,
            max_map_len=MAX_ITEMS,
        )
    except PraxiaError:
        raise
    except (ValueError, TypeError, OverflowError, msgpack.exceptions.UnpackException) as error:
        raise PraxiaError(f"expected a msgpack message, got {len(data)} bytes that are none: {_line(error)}") from error


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [crash_text(error)])[0][:200]


def _refuse_extension(code: int, data: bytes) -> Any:
    raise PraxiaError(f"expected numbers, texts, lists and maps in a message, got an extension type {code}")


class _Count:
    """Counts the entries of a message while it is read; makes arrays of the maps that stand for them."""

    def __init__(self) -> None:
        self.items = 0

    def _add(self, number: int) -> None:
        self.items += 1 + number
        if self.items > MAX_ITEMS:
            raise PraxiaError(f"expected a message of at most {MAX_ITEMS} entries; send numbers as arrays")

    def list(self, value: list[Any]) -> list[Any]:
        self._add(len(value))
        return value

    def map(self, value: dict[Any, Any]) -> Any:
        self._add(len(value))
        if "__ndarray_class__" in value:
            return _array_of_npy(value.get("as_npy"))
        for is_array, is_number, data, dtype, shape in _KEYS:
            if is_array in value:
                return _array(value.get(data), value.get(dtype), value.get(shape))
            if is_number in value:
                return _number(value.get(data), value.get(dtype))
        return value


def _dtype(value: Any) -> np.dtype:
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    if not isinstance(text, str) or _DTYPE.fullmatch(text) is None:
        raise PraxiaError(f"expected an array of bool, integers or floats, got as dtype {describe(text)}")
    try:
        return np.dtype(text)
    except TypeError as error:
        raise PraxiaError(f"expected an array of bool, integers or floats, got dtype {text!r}") from error


def _array(data: Any, dtype: Any, shape: Any) -> np.ndarray:
    found = _dtype(dtype)
    if not isinstance(shape, list | tuple) or len(shape) > MAX_AXES or any(not _is_size(size) for size in shape):
        raise PraxiaError(f"expected the shape of an array, up to {MAX_AXES} sizes, got {describe(shape)}")
    if not isinstance(data, bytes) or len(data) != math.prod(shape) * found.itemsize:
        got = f"{len(data)} bytes" if isinstance(data, bytes) else f"a {type(data).__name__}"
        raise PraxiaError(
            f"expected an array {found} {list(shape)} of {math.prod(shape) * found.itemsize} bytes, got {got}"
        )
    return np.frombuffer(data, found).reshape(shape) if data else np.zeros(shape, found)


def _array_of_npy(data: Any) -> np.ndarray:
    """The array of a .npy file, whose header is checked before anything is allocated."""
    if not isinstance(data, bytes):
        raise PraxiaError(f"expected the bytes of a .npy file, got {describe(data)}")
    file = io.BytesIO(data)
    try:
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, is_fortran, dtype = readers[np.lib.format.read_magic(file)](file)
    except Exception as error:  # the header is text that a stranger wrote
        raise PraxiaError(f"expected a .npy file, got {len(data)} bytes that are none: {_line(error)}") from error
    rest = data[file.tell() :]
    return _array(rest, dtype.str, shape[::-1]).T if is_fortran else _array(rest, dtype.str, shape)


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _number(data: Any, dtype: Any) -> np.generic:
    found = _dtype(dtype)
    if not isinstance(data, bool | int | float):
        raise PraxiaError(f"expected a number {found}, got {describe(data)}")
    try:
        with np.errstate(over="ignore"):
            return found.type(data)
    except (OverflowError, ValueError) as error:
        raise PraxiaError(f"expected a number {found}, got {describe(data)}") from error


def describe(value: Any) -> str:
    """What came, for messages: a scalar itself, of anything else its type, since it may be deeply nested."""
    return repr(value)[:60] if isinstance(value, str | int | float | None) else f"a {type(value).__name__}"


def expect_map(value: Any, what: str) -> Mapping[str, Any]:
    """`value` as a map with texts as keys.

    Raises:
        PraxiaError: it is something else; `what` says what it should have been.
    """
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        got = "a map with other keys" if isinstance(value, dict) else describe(value)
        raise PraxiaError(f"expected {what} as a map with texts as keys, got {got}")
    return value


def expect_text(value: Any, what: str) -> str:
    """`value` as a text; `what` says what it should have been.

    Raises:
        PraxiaError: it is something else.
    """
    if not isinstance(value, str):
        raise PraxiaError(f"expected {what} as a text, got {describe(value)}")
    return value


class Pixels:
    """Counts the pixels of a message's compressed images before they are decoded."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, number: int, what: str) -> None:
        """Raises PraxiaError: with the `number` of `what` there are more than `MAX_PIXELS`."""
        self._count += number
        if self._count > MAX_PIXELS:
            raise PraxiaError(f"expected at most {MAX_PIXELS} pixels in a message, got {self._count} with {what}")


def images_of(value: Any, cameras: Sequence[str], pixels: Pixels) -> dict[str, Shaped[np.ndarray, "Y X 3"]]:
    """The images of a map by camera, each as `image_of`; names are checked before anything is decoded.

    Raises:
        PraxiaError: no map, or as `image_of`. UnknownName: a name that is none of `cameras`.
    """
    images = expect_map(value, "images")
    for name in images:
        if name not in cameras:
            raise UnknownName("camera", name[:80], cameras, "praxia info POLICY")
    return {name: image_of(one, f"image of {name!r}", pixels) for name, one in images.items()}


def image_of(value: Any, what: str, pixels: Pixels) -> Shaped[np.ndarray, "Y X 3"]:
    """An image as an array with the channels last. `what` names it in errors.

    An array [3, Y, X] is transposed, as clients of openpi's ALOHA policies send it.

    Raises:
        PraxiaError: no array of rank 3, or an empty one; a compressed image that is damaged or of another format; more
            `pixels` than a message may have.
    """
    if isinstance(value, dict) and ("__image__" in value or b"__image__" in value):
        value = _decompressed(value, what, pixels)
    if not isinstance(value, np.ndarray) or value.ndim != 3 or 0 in value.shape or 3 not in value.shape[::2]:
        got = f"{value.dtype} {list(value.shape)}" if isinstance(value, np.ndarray) else describe(value)
        raise PraxiaError(f"expected {what} as an array [Y, X, 3] or [3, Y, X], or a compressed image, got {got}")
    return value if value.shape[2] == 3 else value.transpose(1, 2, 0)


def _decompressed(value: Mapping[Any, Any], what: str, pixels: Pixels) -> UInt8[np.ndarray, "..."]:
    entries = {name.decode("ascii", "replace") if isinstance(name, bytes) else name: one for name, one in value.items()}
    kind, data = entries.get("format"), entries.get("data")
    if kind == "raw":
        return _array(data, "|u1", entries.get("shape"))
    if kind not in ("png", "jpeg") or not isinstance(data, bytes):
        raise PraxiaError(
            f"expected {what} in the format png, jpeg or raw, with its bytes as data, got {str(kind)[:40]!r}"
        )
    try:
        with Image.open(io.BytesIO(data), formats=(kind.upper(),)) as opened:
            pixels.add(math.prod(upright_size(opened)), f"{what}, {opened.width}x{opened.height}")
            return to_rgb(opened)
    except PraxiaError:
        raise
    except Exception as error:  # Pillow's decoders raise whatever damaged bytes lead them to
        raise PraxiaError(f"expected {what} as {kind}, got {len(data)} bytes that are none: {_line(error)}") from error
