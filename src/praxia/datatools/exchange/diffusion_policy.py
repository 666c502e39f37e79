"""Diffusion Policy: a zarr replay buffer, `data/KEY` with all episodes in a row, `meta/episode_ends` where each ends.

A folder or a `.zarr.zip`. Images are the arrays of shape [N, Y, X, 3], uint8 or float from 0 to 255 (PushT's are
float32); floats are rounded to whole levels. The action is `data/action`, the state `data/state`.

Rules: a buffer with `state` of 5, `action` of 2 and `keypoint` is PushT's: 10 Hz, positions in its 512 px image, the
block's angle in rad, the action where the agent is sent. For any other buffer the rate must be given. The task is the
source's name. The buffer says neither instruction nor reward nor success.

A chunk that holds nothing but the array's fill value need not be stored, and zarr's own writer leaves it out: an absent
chunk is read so, and listed as assumed. It is an error where it must have been lost: the array has no fill value, or a
chunk of its fill value alone is stored somewhere in the buffer, so its writer leaves none out. Codecs that could run
code (pickle) are refused.

Source: real-stanford/diffusion_policy (common/replay_buffer.py, dataset/pusht_image_dataset.py, demo_pusht.py,
env/pusht/pusht_env.py).
"""

import itertools
import math
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.errors import DataError, MissingPackage, PraxiaError
from praxia.datatools.exchange.source import Choice, Steps, chosen, fingerprint, rate, same_length, vectors

__all__ = ["PUSHT_HZ", "ReplayBuffer", "open_diffusion_policy"]

PUSHT_HZ = 10.0
PUSHT_SIDE_PX = 512.0
CODECS = ("blosc", "zlib", "gzip", "zstd", "lz4", "bz2", "lzma", "delta", "shuffle", "bytes", "transpose", "crc32c")
SHARDS = "sharding_indexed"
METADATA = (".zarray", ".zattrs", "zarr.json")


@dataclass(frozen=True)
class ReplayBuffer:
    """The episodes of one buffer, in its order."""

    path: Path
    ends: Int64[np.ndarray, " E"]
    embodiment: Embodiment
    plan: dict[str, Any]
    left_out: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ends)

    def _rows(self, episode: int) -> slice:
        return slice(int(self.ends[episode - 1]) if episode else 0, int(self.ends[episode]))

    def steps(self, episode: int) -> Steps:
        rows = self._rows(episode)
        with _opened(self.path) as arrays:
            values = {key: _numbers(self.path, arrays, key, rows) for key in (*self.plan["state"], "action")}
        return Steps(
            state=np.concatenate([values[key] for key in self.plan["state"]], axis=1),
            action=values["action"],
            instruction=self.plan["instruction"],
            task=self.plan["task"],
            origin={"file": self.path.resolve().name, "episode": episode},
        )

    def images(self, episode: int, camera: str, rows: slice) -> UInt8[np.ndarray, "K Y X 3"]:
        own, where = self._rows(episode), f"{self.path}/data/{camera}, episode {episode}"
        with _opened(self.path) as arrays:
            found = arrays[f"data/{camera}"][own.start + rows.start : min(own.start + rows.stop, own.stop)]
        if found.dtype == np.uint8:
            return found
        if not np.isfinite(found).all() or found.min() < 0 or found.max() > 255 or 0 < found.max() <= 1:
            raise DataError(f"{where}: expected levels from 0 to 255, got {found.min():.4g} to {found.max():.4g}")
        return np.rint(found).astype(np.uint8)


def open_diffusion_policy(source: Path, choice: Choice) -> ReplayBuffer:
    """Look through a buffer.

    Raises:
        DataError: naming the array: missing, not as long as the episodes, of an unknown codec, or with chunks missing.
        PraxiaError: zarr is not installed, or what the buffer does not say was not given either.
    """
    if choice.instruction is None:
        raise PraxiaError(f"a replay buffer does not say what the robot was told; give it for {source}: --instruction")
    with _opened(source) as arrays:
        names = [name.removeprefix("data/") for name in arrays if name.startswith("data/")]
        images = [name for name in names if _is_image(arrays[f"data/{name}"])]
        cameras = chosen("camera", choice.cameras, images, str(source))
        flat = [name for name in names if name not in images and name != "action"]
        state = chosen("array of the state", choice.state or ("state",), flat, f"{source}/data")
        for name in ("data/action", "meta/episode_ends"):
            if name not in arrays:
                raise DataError(f"{source} has no {name}, where a replay buffer has it. There: {', '.join(arrays)}")
        used = [f"data/{name}" for name in (*state, *cameras, "action")]
        unstored = {name: _expect_whole(source, name, arrays[name]) for name in (*used, "meta/episode_ends")}
        _expect_left_out(source, arrays, unstored)
        ends = np.asarray(arrays["meta/episode_ends"][:])
        same_length({name: arrays[name].shape[0] for name in used} | {"episode_ends": _last(ends, source)}, str(source))
        sizes = {name.removeprefix("data/"): arrays[name].shape[1:] for name in used}
        there = tuple(arrays)
    embodiment = _embodiment(names, sizes, state, cameras, choice, source)
    task = choice.task or source.resolve().name.removesuffix(".zip").removesuffix(".zarr")
    rules = {
        "fps": None if choice.fps is not None else f"{embodiment.control_hz:g} Hz, PushT's",
        "task": None if choice.task else f"{task}, the source's name",
        **{name: f"its fill value in {count} chunks that are not stored" for name, count in unstored.items() if count},
    }
    plan = {
        "import": "diffusion-policy",
        "source": fingerprint(source, [source] if source.is_file() else [p for p in source.rglob("*") if p.is_file()]),
        "instruction": choice.instruction,
        "task": task,
        "state": list(state),
        "body": embodiment.to_json(),
        "assumed": {name: text for name, text in rules.items() if text},
    }
    left_out = tuple(name for name in there if name not in (*used, "meta/episode_ends"))
    return ReplayBuffer(source, ends.astype(np.int64), embodiment, plan, left_out)


@contextmanager
def _opened(path: Path) -> Iterator[dict[str, Any]]:
    """The arrays of a buffer by their path in it."""
    try:
        import zarr
        from zarr.storage import LocalStore, ZipStore
    except ModuleNotFoundError as error:
        raise MissingPackage("reading zarr", "zarr", "zarr") from error
    if not path.is_dir() and not zipfile.is_zipfile(path):
        raise DataError(
            f"expected a zarr folder or a .zarr.zip, got {path}{'' if path.exists() else ', which is not there'}"
        )
    try:
        with ZipStore(path, mode="r") if path.is_file() else LocalStore(path, read_only=True) as store:
            root = zarr.open_group(store, mode="r")
            yield {name: found for name, found in root.members(max_depth=None) if isinstance(found, zarr.Array)}
    except PraxiaError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as zarr ({error}); copy it again from where it came from") from error


def _expect_whole(source: Path, name: str, array: Any) -> int:
    """Only codecs of plain bytes, and every chunk that is there whole; how many are not stored."""
    described = array.metadata.to_dict()
    if "codecs" in described:
        settings = [codec.get("configuration", {}) for codec in described["codecs"]]
        within = [one for own in settings for key in ("codecs", "index_codecs") for one in own.get(key, ())]
        named = [codec["name"] for codec in (*described["codecs"], *within)]
    else:
        parts = [*(described.get("filters") or ()), described.get("compressor")]
        named = [part["id"] if isinstance(part, dict) else part.codec_id for part in parts if part]
    for codec in named:
        if codec.removeprefix("numcodecs.") not in (*CODECS, SHARDS):
            raise DataError(f"{source}/{name} has the codec {codec!r}; expected one of {', '.join(CODECS)}")
    if array.dtype.kind not in "fiub":
        raise DataError(f"{source}/{name}: expected numbers, got {array.dtype}")
    if "blosc" in " ".join(named) and SHARDS not in named and source.is_dir():
        _expect_whole_blosc(source / name)
    return _stored_units(array)[1]


def _expect_left_out(source: Path, arrays: Mapping[str, Any], unstored: Mapping[str, int]) -> None:
    """That chunks which are not stored were left out by their writer, and not lost."""
    lacking = [name for name, count in unstored.items() if count]
    stored = next((name for name in unstored if _stores_fill(arrays[name])), None) if lacking else None
    for name in lacking:
        array, count = arrays[name], unstored[name]
        if stored or array.metadata.fill_value is None:
            total = _stored_units(array)[0]
            reason = f"{stored} stores chunks of nothing but its fill value" if stored else "it has no fill value"
            raise DataError(f"{source}/{name} has {total - count} of {total} chunks, and {reason}; copy it again")


def _stored_units(array: Any) -> tuple[int, int]:
    """How many chunks an array has, or shards of chunks, and how many of them are not stored."""
    unit = array.shards or array.chunks
    total = math.prod(-(-size // step) for size, step in zip(array.shape, unit, strict=True))
    together = math.prod(unit) // math.prod(array.chunks)
    return total, total - array.nchunks_initialized // together


def _stores_fill(array: Any) -> bool:
    """Whether some chunk is stored that holds nothing but the fill value: more of them read so than are not stored."""
    unit, fill = array.shards or array.chunks, np.asarray(array.fill_value)
    begins = itertools.product(*(range(0, size, step) for size, step in zip(array.shape, unit, strict=True)))
    places = (tuple(slice(at, at + step) for at, step in zip(begin, unit, strict=True)) for begin in begins)
    filled = sum(np.array_equal(block := array[place], np.broadcast_to(fill, block.shape)) for place in places)
    return filled > _stored_units(array)[1]


def _expect_whole_blosc(folder: Path) -> None:
    """The library reads a Blosc chunk that lost its end without a word, as whatever is in memory there.

    A chunk's header says how many bytes it has (little-endian, at byte 12). In a zip, checksums stand in for this.
    """
    for chunk in (path for path in folder.rglob("*") if path.is_file() and path.name not in METADATA):
        with chunk.open("rb") as file:
            promised = int.from_bytes(file.read(16)[12:], "little")
        if (size := chunk.stat().st_size) != promised:
            raise DataError(f"{chunk} is truncated: expected {promised} bytes, got {size}; copy it again")


def _last(ends: np.ndarray, source: Path) -> int:
    """How many steps `meta/episode_ends` promises."""
    if ends.ndim != 1 or ends.dtype.kind not in "iu" or len(ends) == 0 or (np.diff(ends, prepend=0) <= 0).any():
        raise DataError(f"{source}: expected rising whole numbers in meta/episode_ends, got {ends[:4].tolist()} ...")
    return int(ends[-1])


def _is_image(array: Any) -> bool:
    return array.ndim == 4 and array.shape[-1] == 3 and array.dtype.kind in "fu"


def _numbers(path: Path, arrays: dict[str, Any], key: str, rows: slice) -> np.ndarray:
    return vectors(np.asarray(arrays[f"data/{key}"][rows]), f"{path}/data/{key} from row {rows.start}")


def _embodiment(
    names: list[str],
    sizes: dict[str, tuple[int, ...]],
    state: tuple[str, ...],
    cameras: tuple[str, ...],
    choice: Choice,
    source: Path,
) -> Embodiment:
    images = tuple(Camera(name, *sizes[name][:2]) for name in cameras)
    if state == ("state",) and sizes["state"] == (5,) and sizes["action"] == (2,) and "keypoint" in names:
        agent, block = (Field(name, 2, "position", "px", "picture", 0.0, PUSHT_SIDE_PX) for name in ("agent", "block"))
        hertz = rate(PUSHT_HZ if choice.fps is None else choice.fps, str(source))
        angle = Field("block_angle", 1, "position", "rad", "picture")
        return Embodiment("pusht", (agent, block, angle), (agent,), images, hertz)
    fields = tuple(Field(key, int(np.prod(sizes[key])), "position", "") for key in state)
    action = (Field("action", int(np.prod(sizes["action"])), "position", ""),)
    return Embodiment("diffusion-policy", fields, action, images, rate(choice.fps, str(source)))
