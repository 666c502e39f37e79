"""robomimic: writes one HDF5 file (see `robomimic` for the layout), with columns of Praxia's own beside it.

`env_args.praxia` holds the embodiment, `ep_meta` the instruction and the task of a demo; `executed_actions`,
`successes`, `terminated` and `truncated` are extra columns. robomimic reads none of these; an import restores them.
Each field of the state is an observation of its own, `mask/successful` lists the demos with a recorded success. Not
written are `next_obs` (robomimic's `hdf5_load_next_obs=False`) and a simulator: `env_type` is gym's, and no such
environment can be made.
"""

import json
from pathlib import Path

import numpy as np

from praxia.data.dataset import Dataset
from praxia.data.summary import outcomes
from praxia.datatools.exchange.episodes import (
    ExportEpisode,
    ExportProgress,
    ExportResult,
    iterate_episodes,
    split_fields,
)
from praxia.datatools.exchange.hdf5 import Node, create_hdf5

__all__ = ["write_robomimic"]

GYM = 2  # robomimic's EnvType
LOST = ("simulator states", "starts", "provenance")
# Features without a counterpart in robomimic: the name in the file, and its type there.
EXTRA_COLUMNS = {
    "action.executed": ("executed_actions", np.float32),
    "next.success": ("successes", np.uint8),
    "next.terminated": ("terminated", np.uint8),
    "next.truncated": ("truncated", np.uint8),
}


def write_robomimic(dataset: Dataset, target: Path, report: ExportProgress) -> ExportResult:
    """Write the file `target`.

    Raises:
        PraxiaError: h5py is not installed.
    """
    filled, successful, successes_of = {}, [], outcomes(dataset)
    with create_hdf5(target) as (file, sink):
        data = file.create_group("data")
        for episode in iterate_episodes(dataset, report):
            demo = data.create_group(f"demo_{episode.number}")
            filled |= _write(demo, episode, has_outcome=successes_of[episode.number] is not None)
            sink.expect_room()
            if successes_of[episode.number]:
                successful.append(f"demo_{episode.number}".encode())
        data.attrs["total"] = dataset.num_frames
        tasks = sorted(set(dataset.episodes.task))
        env_args = {
            "env_name": tasks[0] if len(tasks) == 1 else dataset.embodiment.name,
            "env_type": GYM,
            "env_kwargs": {"control_freq": dataset.fps},
            "praxia": dataset.embodiment.to_json(),
        }
        data.attrs["env_args"] = json.dumps(env_args)
        file.create_dataset("mask/successful", data=np.array(successful, "S"))
    return ExportResult(LOST, filled)


def _write(demo: Node, episode: ExportEpisode, *, has_outcome: bool) -> dict[str, str]:
    """Write one demo; returns what had to be made up. Omits `successes` unless it `has_outcome`."""
    embodiment, n = episode.dataset.embodiment, len(episode)
    filled = {}
    demo.attrs["num_samples"] = n
    meta = {"lang": episode.dataset.episodes.instruction[episode.number]}
    demo.attrs["ep_meta"] = json.dumps({**meta, "task": episode.dataset.episodes.task[episode.number]})
    if embodiment.state:
        for part, values in split_fields(episode.column("observation.state"), embodiment.state):
            demo.create_dataset(f"obs/{part.name}", data=values)
    for camera in embodiment.cameras:
        images = episode.images(camera.name)
        demo.create_dataset(f"obs/{camera.name}_image", data=images, chunks=(1, *images.shape[1:]), compression="gzip")
    demo.create_dataset("actions", data=episode.column("action"))
    demo.create_dataset("states", shape=(n, 0), dtype=np.float32)
    rewards, dones = np.zeros(n), np.zeros(n)
    if episode.has("next.reward"):
        rewards = episode.column("next.reward")[:, 0]
    else:
        filled["rewards"] = "0 in every step"
    if episode.has("next.done"):
        dones = episode.column("next.done")[:, 0]
    else:
        dones[-1] = 1
        filled["dones"] = "1 in the last step"
    demo.create_dataset("rewards", data=rewards)
    demo.create_dataset("dones", data=dones.astype(np.int64))
    for feature, (name, dtype) in EXTRA_COLUMNS.items():
        if episode.has(feature) and (has_outcome or name != "successes"):
            values = episode.column(feature).astype(dtype)
            demo.create_dataset(name, data=values if name == "executed_actions" else values[:, 0])
    return filled
