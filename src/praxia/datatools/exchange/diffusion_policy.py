"""Diffusion Policy: reads a zarr replay buffer, `data/KEY` with all episodes in a row and `meta/episode_ends`.

The source is a folder or a `.zarr.zip`. Images are the arrays of shape [N, Y, X, 3], uint8 or float from 0 to 255
(PushT's are float32); floats are rounded to integer levels. The action is `data/action`, the state `data/state`.

Rules: a buffer with `state` of 5, `action` of 2 and `keypoint` is PushT's: 10 Hz, positions in its 512 px image, the
block's angle in rad, the action a target position of the agent. For any other buffer the rate must be given. The task
is the source's name. The buffer states neither instruction nor reward nor success.

A chunk that holds only the array's fill value need not be stored, and zarr's writer omits it: an absent chunk is read
as such, and listed as assumed. It is an error if it must have been lost: the array has no fill value, or a chunk of
only its fill value is stored somewhere in the buffer, so its writer omits none. Codecs that could run code (pickle) are
refused.

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
from praxia.core.errors import DataError, PraxiaError, optional_import
from praxia.datatools.exchange.source import (
    EpisodeSteps,
    ImportOptions,
    as_rows,
    common_length,
    control_rate,
    fingerprint,
    select,
)

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

    def steps(self, episode: int) -> EpisodeSteps:
        rows = self._rows(episode)
        with _open_arrays(self.path) as arrays:
            values = {key: _read_rows(self.path, arrays, key, rows) for key in (*self.plan["state"], "action")}
        return EpisodeSteps(
            state=np.concatenate([values[key] for key in self.plan["state"]], axis=1),
            action=values["action"],
            instruction=self.plan["instruction"],
            task=self.plan["task"],
            origin={"file": self.path.resolve().name, "episode": episode},
        )

    def images(self, episode: int, camera: str, rows: slice) -> UInt8[np.ndarray, "K Y X 3"]:
        episode_rows, where = self._rows(episode), f"{self.path}/data/{camera}, episode {episode}"
        with _open_arrays(self.path) as arrays:
            found = arrays[f"data/{camera}"][
                episode_rows.start + rows.start : min(episode_rows.start + rows.stop, episode_rows.stop)
            ]
        if found.dtype == np.uint8:
            return found
        if not np.isfinite(found).all() or found.min() < 0 or found.max() > 255 or 0 < found.max() <= 1:
            raise DataError(f"{where}: expected levels from 0 to 255, got {found.min():.4g} to {found.max():.4g}")
        return np.rint(found).astype(np.uint8)


def open_diffusion_policy(source: Path, options: ImportOptions) -> ReplayBuffer:
    """Inspect a buffer.

    Raises:
        DataError: names the array: missing, not as long as the episodes, of an unknown codec, or with missing chunks.
        PraxiaError: zarr is not installed, or something that the buffer does not state was not given either.
    """
    if options.instruction is None:
        raise PraxiaError(f"a replay buffer has no instructions; give one for {source} with --instruction")
    with _open_arrays(source) as arrays:
        names = [name.removeprefix("data/") for name in arrays if name.startswith("data/")]
        images = [name for name in names if _is_image(arrays[f"data/{name}"])]
        cameras = select("camera", options.cameras, images, str(source))
        flat = [name for name in names if name not in images and name != "action"]
        state = select("array of the state", options.state or ("state",), flat, f"{source}/data")
        for name in ("data/action", "meta/episode_ends"):
            if name not in arrays:
                raise DataError(f"{source} has no {name}, where a replay buffer has it. Available: {', '.join(arrays)}")
        used = [f"data/{name}" for name in (*state, *cameras, "action")]
        unstored = {name: _expect_readable(source, name, arrays[name]) for name in (*used, "meta/episode_ends")}
        _expect_not_lost(source, arrays, unstored)
        ends = np.asarray(arrays["meta/episode_ends"][:])
        common_length(
            {name: arrays[name].shape[0] for name in used} | {"episode_ends": _num_steps(ends, source)}, str(source)
        )
        sizes = {name.removeprefix("data/"): arrays[name].shape[1:] for name in used}
        names_in_buffer = tuple(arrays)
    embodiment = _embodiment(names, sizes, state, cameras, options, source)
    task = options.task or source.resolve().name.removesuffix(".zip").removesuffix(".zarr")
    rules = {
        "fps": None if options.fps is not None else f"{embodiment.control_hz:g} Hz, PushT's",
        "task": None if options.task else f"{task}, the source's name",
        **{name: f"its fill value in {count} chunks that are not stored" for name, count in unstored.items() if count},
    }
    plan = {
        "import": "diffusion-policy",
        "source": fingerprint(source, [source] if source.is_file() else [p for p in source.rglob("*") if p.is_file()]),
        "instruction": options.instruction,
        "task": task,
        "state": list(state),
        "body": embodiment.to_json(),  # the key is part of the content hash
        "assumed": {name: text for name, text in rules.items() if text},
    }
    left_out = tuple(name for name in names_in_buffer if name not in (*used, "meta/episode_ends"))
    return ReplayBuffer(source, ends.astype(np.int64), embodiment, plan, left_out)


@contextmanager
def _open_arrays(path: Path) -> Iterator[dict[str, Any]]:
    """The arrays of a buffer by their path in it."""
    with optional_import("reading zarr", "zarr"):
        import zarr
        from zarr.storage import LocalStore, ZipStore
    if not path.is_dir() and not zipfile.is_zipfile(path):
        raise DataError(
            f"expected a zarr folder or a .zarr.zip, got {path}{'' if path.exists() else ', which does not exist'}"
        )
    try:
        with ZipStore(path, mode="r") if path.is_file() else LocalStore(path, read_only=True) as store:
            root = zarr.open_group(store, mode="r")
            yield {name: found for name, found in root.members(max_depth=None) if isinstance(found, zarr.Array)}
    except PraxiaError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as zarr ({error}); copy it again from where it came from") from error


def _expect_readable(source: Path, name: str, array: Any) -> int:
    """Check that codecs are plain and chunks complete; returns how many chunks are not stored."""
    described = array.metadata.to_dict()
    if "codecs" in described:
        settings = [codec.get("configuration", {}) for codec in described["codecs"]]
        within = [codec for setting in settings for key in ("codecs", "index_codecs") for codec in setting.get(key, ())]
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
        _expect_complete_blosc(source / name)
    return _count_chunks(array)[1]


def _expect_not_lost(source: Path, arrays: Mapping[str, Any], unstored: Mapping[str, int]) -> None:
    """Check that chunks that are not stored were omitted by their writer, and not lost."""
    lacking = [name for name, count in unstored.items() if count]
    stored = next((name for name in unstored if _stores_fill_value(arrays[name])), None) if lacking else None
    for name in lacking:
        array, count = arrays[name], unstored[name]
        if stored or array.metadata.fill_value is None:
            total = _count_chunks(array)[0]
            reason = f"{stored} stores chunks of nothing but its fill value" if stored else "it has no fill value"
            raise DataError(f"{source}/{name} has {total - count} of {total} chunks, and {reason}; copy it again")


def _count_chunks(array: Any) -> tuple[int, int]:
    """The number of chunks of an array, or of shards of chunks, and how many of them are not stored."""
    unit = array.shards or array.chunks
    total = math.prod(-(-size // step) for size, step in zip(array.shape, unit, strict=True))
    together = math.prod(unit) // math.prod(array.chunks)
    return total, total - array.nchunks_initialized // together


def _stores_fill_value(array: Any) -> bool:
    """Whether some stored chunk holds only the fill value: more such chunks are read than are not stored."""
    unit, fill = array.shards or array.chunks, np.asarray(array.fill_value)
    begins = itertools.product(*(range(0, size, step) for size, step in zip(array.shape, unit, strict=True)))
    blocks = (tuple(slice(at, at + step) for at, step in zip(begin, unit, strict=True)) for begin in begins)
    filled = sum(np.array_equal(block := array[block_at], np.broadcast_to(fill, block.shape)) for block_at in blocks)
    return filled > _count_chunks(array)[1]


def _expect_complete_blosc(folder: Path) -> None:
    """Check the length of Blosc chunks; the library silently reads a truncated one as whatever is in memory.

    A chunk's header says how many bytes it has (little-endian, at byte 12). In a zip, checksums replace this.
    """
    for chunk in (path for path in folder.rglob("*") if path.is_file() and path.name not in METADATA):
        with chunk.open("rb") as file:
            promised = int.from_bytes(file.read(16)[12:], "little")
        if (size := chunk.stat().st_size) != promised:
            raise DataError(f"{chunk} is truncated: expected {promised} bytes, got {size}; copy it again")


def _num_steps(ends: np.ndarray, source: Path) -> int:
    """The number of steps according to `meta/episode_ends`."""
    if ends.ndim != 1 or ends.dtype.kind not in "iu" or len(ends) == 0 or (np.diff(ends, prepend=0) <= 0).any():
        raise DataError(f"{source}: expected increasing integers in meta/episode_ends, got {ends[:4].tolist()} ...")
    return int(ends[-1])


def _is_image(array: Any) -> bool:
    return array.ndim == 4 and array.shape[-1] == 3 and array.dtype.kind in "fu"


def _read_rows(path: Path, arrays: dict[str, Any], key: str, rows: slice) -> np.ndarray:
    return as_rows(np.asarray(arrays[f"data/{key}"][rows]), f"{path}/data/{key} from row {rows.start}")


def _embodiment(
    names: list[str],
    sizes: dict[str, tuple[int, ...]],
    state: tuple[str, ...],
    cameras: tuple[str, ...],
    options: ImportOptions,
    source: Path,
) -> Embodiment:
    images = tuple(Camera(name, *sizes[name][:2]) for name in cameras)
    if state == ("state",) and sizes["state"] == (5,) and sizes["action"] == (2,) and "keypoint" in names:
        # Content hashes cover the frame "picture", so it keeps its name.
        agent, block = (Field(name, 2, "position", "px", "picture", 0.0, PUSHT_SIDE_PX) for name in ("agent", "block"))
        hertz = control_rate(PUSHT_HZ if options.fps is None else options.fps, str(source))
        angle = Field("block_angle", 1, "position", "rad", "picture")
        return Embodiment("pusht", (agent, block, angle), (agent,), images, hertz)
    fields = tuple(Field(key, int(np.prod(sizes[key])), "position", "") for key in state)
    action = (Field("action", int(np.prod(sizes["action"])), "position", ""),)
    return Embodiment("diffusion-policy", fields, action, images, control_rate(options.fps, str(source)))
