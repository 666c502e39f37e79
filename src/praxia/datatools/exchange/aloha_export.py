"""ACT and ALOHA: writes a folder of `episode_N.hdf5` (see `aloha` for the layout), with uncompressed images.

Dims of the state that are velocities go to `qvel`, torques to `effort`, all others to `qpos`. ACT's reader needs
`qvel`, so it is zeros if there are none. `sim` is that of an imported episode, else True: ACT assumes that actions of a
real robot are one step late, and Praxia's are not.
"""

from pathlib import Path

import numpy as np

from praxia.core.files import staged_folder
from praxia.data.dataset import Dataset
from praxia.datatools.exchange.aloha import BASE
from praxia.datatools.exchange.episodes import (
    ExportEpisode,
    ExportProgress,
    ExportResult,
    iterate_episodes,
    split_fields,
)
from praxia.datatools.exchange.hdf5 import Node, create_hdf5

__all__ = ["write_aloha"]

ARRAY_OF_KIND = {"velocity": "qvel", "torque": "effort"}
LOST = (
    "instructions and tasks",
    "rewards and outcomes",
    "executed actions",
    "the embodiment: units, names, control rate",
    "simulator states",
    "starts",
    "provenance",
)


def write_aloha(dataset: Dataset, target: Path, report: ExportProgress) -> ExportResult:
    """Write the folder `target`.

    Raises:
        PraxiaError: h5py is not installed.
    """
    filled = {}
    with staged_folder(target) as folder:
        for episode in iterate_episodes(dataset, report):
            with create_hdf5(folder / f"episode_{episode.number}.hdf5") as (file, _):
                filled |= _write(file, episode)
    return ExportResult(LOST, filled)


def _write(file: Node, episode: ExportEpisode) -> dict[str, str]:
    """Write one episode; returns what had to be made up."""
    embodiment, filled = episode.dataset.embodiment, {}
    sim = episode.record.get("provenance", {}).get("sim")
    file.attrs["sim"] = True if sim is None else sim
    file.attrs["compress"] = False
    arrays: dict[str, list[np.ndarray]] = {"qpos": []}
    if embodiment.state:
        for part, values in split_fields(episode.column("observation.state"), embodiment.state):
            arrays.setdefault(ARRAY_OF_KIND.get(part.kind, "qpos"), []).append(values)
    if "qvel" not in arrays:
        arrays["qvel"] = [np.zeros_like(values) for values in arrays["qpos"]]
        filled["observations/qvel"] = "zeros"
    empty = np.zeros((len(episode), 0), np.float32)
    for name, parts in arrays.items():
        file.create_dataset(f"observations/{name}", data=np.concatenate([empty, *parts], axis=1))
    file.create_group("observations/images")
    for camera in embodiment.cameras:
        images = episode.images(camera.name)
        file.create_dataset(f"observations/images/{camera.name}", data=images, chunks=(1, *images.shape[1:]))
    arm, base = [empty], []
    for part, values in split_fields(episode.column("action"), embodiment.action):
        (base if embodiment.name == "aloha" and part.name.startswith("base") else arm).append(values)
    file.create_dataset("action", data=np.concatenate(arm, axis=1))
    if base:
        file.create_dataset(BASE, data=np.concatenate(base, axis=1))
    return filled
