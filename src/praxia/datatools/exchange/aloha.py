"""ACT and ALOHA: reads a folder of `episode_N.hdf5`.

Each file has `/observations/{qpos,qvel,effort}` and `/action` [N, 14] (left arm 6, gripper, right arm 6, gripper), in
Mobile ALOHA also `/base_action` [N, 2], and `/observations/images/CAMERA`: uint8 [N, Y, X, 3] RGB, or, with the
attribute `compress`, one JPEG per row, padded with zeros. `/compress_len` is not needed: a JPEG marks its end, and the
order of its rows is not that of the cameras in the file.

Import rules: 50 Hz (their DT is 0.02 s). The state is `qpos`. The task is the folder's name, as in their task list.
Joints are absolute, in rad; grippers are normalized (0 closed, 1 open). `base_action` is appended to the action,
unsmoothed. Row t of the action stays beside row t of the observations; their training shifts actions of real robots by
one step, which is left to training here. The file states neither instruction nor reward nor success.

Source: tonyzhaozh/act (record_sim_episodes.py, constants.py), tonyzhaozh/aloha (record_episodes.py, real_env.py),
MarkFzp/act-plus-plus (compress_data.py, utils.py), MarkFzp/mobile-aloha (record_episodes.py).
"""

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from praxia.core.embodiment import Camera, Embodiment, Field, Kind
from praxia.core.errors import DataError, PraxiaError
from praxia.datatools.exchange.hdf5 import Node, array_names, find, open_hdf5, read_rows
from praxia.datatools.exchange.source import (
    EpisodeSteps,
    ImportOptions,
    common_length,
    control_rate,
    fingerprint,
    select,
)

__all__ = ["CONTROL_HZ", "AlohaDataset", "open_aloha"]

FORMAT = "an ALOHA episode"
CONTROL_HZ = 50.0
IMAGES = "observations/images"
BASE = "base_action"
ARRAYS = ("qpos", "qvel", "effort")


@dataclass(frozen=True)
class AlohaDataset:
    """The episodes of one folder, in the order of their numbers."""

    files: tuple[Path, ...]
    embodiment: Embodiment
    plan: dict[str, Any]
    left_out: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.files)

    def steps(self, episode: int) -> EpisodeSteps:
        path = self.files[episode]
        with open_hdf5(path) as file:
            return EpisodeSteps(
                state=np.concatenate([read_rows(file, f"observations/{key}", FORMAT) for key in self.plan["state"]], 1),
                action=_action(file),
                instruction=self.plan["instruction"],
                task=self.plan["task"],
                origin={"file": path.name, "episode": _number(path), "sim": _flag(file, "sim")},
            )

    def images(self, episode: int, camera: str, rows: slice) -> UInt8[np.ndarray, "K Y X 3"]:
        with open_hdf5(self.files[episode]) as file:
            return _images(find(file, f"{IMAGES}/{camera}", FORMAT), rows, self.plan["jpeg"])


def open_aloha(source: Path, options: ImportOptions) -> AlohaDataset:
    """Inspect a folder of episodes, or a single one.

    Raises:
        DataError: names the file: no episodes, an array missing, of another size than in the first file or of another
            length than the other arrays.
        PraxiaError: no instruction was given.
    """
    if options.instruction is None:
        raise PraxiaError(f"ALOHA files have no instructions; give one for {source} with --instruction")
    files = _files(source)
    with open_hdf5(files[0]) as file:
        available = tuple(find(file, IMAGES, FORMAT)) if "images" in find(file, "observations", FORMAT) else ()
        color_cameras = [camera for camera in available if not camera.endswith("_depth")]
        cameras = select("camera", options.cameras, color_cameras, str(files[0]))
        arrays = [key for key in ARRAYS if key in file["observations"]]
        state = select("state", options.state or ("qpos",), arrays, str(files[0]))
        compressed = any(file[f"{IMAGES}/{camera}"].ndim != 4 for camera in cameras)
    sizes = _sizes(files[0], state, cameras)
    used = [f"observations/{key}" for key in state] + [f"{IMAGES}/{camera}" for camera in cameras]
    left_out = [name for name in _arrays(files) if name not in (*used, "action", BASE, "compress_len")]
    for path in files[1:]:
        if (found := _sizes(path, state, cameras)) != sizes:
            raise DataError(f"{path}: expected arrays as in {files[0].name}, {sizes}, got {found}")
    embodiment = Embodiment(
        name="aloha",
        state=tuple(part for key in state for part in _fields(key, sizes[key][0])),
        action=(*_fields("action", sizes["action"][0]), *_base_fields(sizes)),
        cameras=tuple(Camera(name, *sizes[name][:2]) for name in cameras),
        control_hz=control_rate(CONTROL_HZ if options.fps is None else options.fps, str(source)),
    )
    task = options.task or (source if source.is_dir() else source.parent).resolve().name
    rules = {
        "fps": None if options.fps is not None else f"{CONTROL_HZ:g} Hz, as ACT's scripts record",
        "task": None if options.task else f"{task}, the folder's name",
        "jpeg": None if options.jpeg or not compressed else "bgr, as ACT's scripts compress",
    }
    plan = {
        "import": "aloha",
        "source": fingerprint(source, files),
        "instruction": options.instruction,
        "task": task,
        "state": list(state),
        "jpeg": options.jpeg or "bgr",
        "body": embodiment.to_json(),  # the key is part of the content hash
        "assumed": {name: text for name, text in rules.items() if text},
    }
    return AlohaDataset(files, embodiment, plan, (*left_out, *_others(source, files)))


def _files(source: Path) -> tuple[Path, ...]:
    if source.is_file():
        return (source,)
    files = [path for path in source.glob("*.hdf5") if re.fullmatch(r"episode_\d+", path.stem)]
    if not files:
        existing = sorted(path.name for path in source.glob("*"))[:3] or ["nothing"]
        raise DataError(f"expected files episode_0.hdf5, ... in {source}, got {', '.join(existing)}")
    return tuple(sorted(files, key=_number))


def _arrays(files: tuple[Path, ...]) -> list[str]:
    """Every array in any of the files, those of ACT's scripts first."""
    found = dict.fromkeys(f"observations/{key}" for key in ARRAYS)
    present: set[str] = set()
    for path in files:
        with open_hdf5(path) as file:
            names = array_names(file)
        found |= dict.fromkeys(names)
        present.update(names)
    return [name for name in found if name in present]


def _others(source: Path, files: tuple[Path, ...]) -> list[str]:
    """HDF5 files of a folder that are not named like episodes."""
    paths = sorted(source.glob("*")) if source.is_dir() else []
    return [path.name for path in paths if path.suffix.lower() in (".hdf5", ".h5") and path not in files]


def _number(path: Path) -> int:
    return int("".join(re.findall(r"\d+$", path.stem)) or 0)


def _sizes(path: Path, state: tuple[str, ...], cameras: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """The shape of one row of every imported array; checks that all have the same number of rows."""
    with open_hdf5(path) as file:
        arrays = {key: find(file, f"observations/{key}", FORMAT) for key in state}
        arrays["action"] = find(file, "action", FORMAT)
        if BASE in file:
            arrays[BASE] = file[BASE]
        images = {camera: find(file, f"{IMAGES}/{camera}", FORMAT) for camera in cameras}
        common_length({name: len(array) for name, array in (arrays | images).items()}, str(path))
        shapes = {name: array.shape[1:] for name, array in arrays.items()}
        for name, shape in shapes.items():
            if len(shape) != 1:
                raise DataError(f"{path}: expected {name} with one vector per step, got rows of shape {shape}")
        return shapes | {name: _images(array, slice(0, 1), "rgb").shape[1:] for name, array in images.items()}


def _action(file: Node) -> np.ndarray:
    parts = [read_rows(file, "action", FORMAT)] + ([read_rows(file, BASE, FORMAT)] if BASE in file else [])
    return np.concatenate(parts, axis=1)


def _fields(key: str, size: int) -> tuple[Field, ...]:
    """The fields of an array of both arms; for sizes other than 14, a single field named after the array."""
    kinds: dict[str, tuple[Kind, str, str]] = {
        "qpos": ("position", "rad", ""),
        "action": ("position", "rad", ""),
        "qvel": ("velocity", "rad/s", "_velocity"),
        "effort": ("torque", "", "_effort"),
    }
    kind, unit, suffix = kinds[key]
    if size != 14:
        return (Field(key, size, kind, ""),)
    gripper: Kind = "gripper" if kind == "position" else kind
    return tuple(
        part
        for side in ("left", "right")
        for part in (Field(f"{side}_arm{suffix}", 6, kind, unit), Field(f"{side}_gripper{suffix}", 1, gripper, ""))
    )


def _base_fields(sizes: dict[str, tuple[int, ...]]) -> tuple[Field, ...]:
    if BASE not in sizes:
        return ()
    if sizes[BASE] != (2,):
        return (Field("base", sizes[BASE][0], "velocity", ""),)
    return (Field("base_forward", 1, "velocity", "m/s"), Field("base_turn", 1, "velocity", "rad/s"))


def _flag(file: Node, name: str) -> bool | None:
    return bool(file.attrs[name]) if name in file.attrs else None


def _images(array: Node, rows: slice, jpeg: str) -> UInt8[np.ndarray, "K Y X 3"]:
    where = f"{array.file.filename}{array.name}"
    if array.ndim == 4 and array.dtype == np.uint8 and array.shape[-1] == 3:
        return array[rows]
    if not (array.ndim == 2 and array.dtype == np.uint8) and not (array.ndim == 1 and array.dtype.kind == "O"):
        raise DataError(
            f"{where}: expected uint8 [N, Y, X, 3] or one JPEG per row, got {array.dtype} of shape {array.shape}"
        )
    try:
        images = [np.asarray(Image.open(io.BytesIO(bytes(row))).convert("RGB")) for row in array[rows]]
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(f"{where}: a row from {rows.start} to {rows.stop} is not a complete JPEG ({error})") from error
    if len({image.shape for image in images}) != 1:
        raise DataError(f"{where}: expected images of one size, got {sorted({p.shape for p in images})}")
    stacked = np.stack(images)
    return stacked if jpeg == "rgb" else np.ascontiguousarray(stacked[..., ::-1])
