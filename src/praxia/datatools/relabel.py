"""Video gets the actions that a model reads from it: a new data set, with what read them and how sure it is."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from praxia.core.embodiment import Embodiment, dim_name_difference
from praxia.core.errors import MismatchError
from praxia.core.files import AnyPath
from praxia.core.labelling import ActionLabeller, ChangeCoder
from praxia.core.types import Start
from praxia.core.window import Samples, Window
from praxia.data.dataset import Dataset
from praxia.data.features import extra_key, field_dim_names
from praxia.data.vectors import ACTION
from praxia.dataloader.view import DatasetView
from praxia.dataloader.windows import EXECUTED, Windows
from praxia.datatools.edit.change import Change, EpisodeSlice
from praxia.datatools.edit.computed import ComputedColumns
from praxia.datatools.edit.source import SourceDataset
from praxia.datatools.edit.write import expect_new, write

__all__ = ["ACTION_STD", "as_ours", "camera_sizes", "frames_in_batches", "relabel"]

# The feature with the predicted standard deviation of each dim of a pseudo-action, in its unit.
ACTION_STD = extra_key("action_std")

# Windows that are read and labelled at once.
BATCH = 128


def relabel(
    root: str | AnyPath,
    out: Path,
    labeller: ActionLabeller,
    identity: Mapping[str, Any],
    *,
    report: Callable[[int, int, str], None] = lambda done, planned, text: None,
) -> dict[str, Any]:
    """Write a data set of ours in `out` with the episodes of `root` and the actions that `labeller` reads from them.

    `root` may be of another writer, and have no actions; those that it has are not read. It stays as it is, and videos
    are linked, not encoded; the labeller sees images in the sizes that it knows. Its new columns are "action" (and
    "action.executed", where it has that), and `ACTION_STD`. `identity`, a JSON value that says which model the labeller
    is, is written into the plan ("edits") and into the provenance of each episode ("relabelled_by"), from which merges
    keep it. The last actions of an episode, of which later frames are missing, are written as the others are.

    Returns {out, episodes, frames, content_sha256, ..., action_std}: the last is the mean of `ACTION_STD` by dim.

    Raises:
        MismatchError: another embodiment, names of cameras or rate than the labeller's, naming both.
        DataError: a data set that cannot be read. PraxiaError: `out` exists, or is inside of `root`.
    """
    dataset, source = Dataset(root), SourceDataset.open(root)
    _expect_labelled(dataset, labeller)
    expect_new([Change((EpisodeSlice.all_frames(source),), {})], [out])
    values = _read(dataset, labeller, report)
    operation = {"operation": "relabel", "of": [dataset.content_hash], "by": dict(identity)}
    ours = as_ours(source, dataset, labeller.embodiment, {"relabelled_by": dict(identity)})
    computed = ComputedColumns(values, _declarations(labeller.embodiment, values))
    (done,) = write([Change((EpisodeSlice.all_frames(ours),), operation, computed=computed)], [out])
    names = field_dim_names(labeller.embodiment.action)
    mean_std = dict(zip(names, values[ACTION_STD].mean(0, dtype=np.float64).tolist(), strict=True))
    return {"operation": "relabel", **done, "action_std": mean_std}


def _expect_labelled(dataset: Dataset, labeller: ActionLabeller) -> None:
    """Refuse a data set that the labeller does not know. What another writer does not declare is not compared."""
    known, found = labeller.embodiment, dataset.embodiment
    cameras = sorted(labeller.window.cameras)
    compared: dict[str, tuple[Any, Any]] = {
        "control_hz": (known.control_hz, found.control_hz),
        "cameras": (cameras, sorted(camera_sizes(found, labeller.window))),
    }
    if dataset.written_by_praxia:
        compared["embodiment"] = (known.name, found.name)
        compared["action"] = ([one.description for one in known.action], [one.description for one in found.action])
    elif found.action_dim:
        compared["action dims"] = (known.action_dim, found.action_dim)
    for name, (expected, got) in compared.items():
        if expected != got:
            raise MismatchError(
                f"expected data of the labeller's {name} {expected}, got {got} of {dataset.root}; train one on labelled"
                " episodes of these data: `praxia train idm-tabletop --data DIR --out RUN`"
            )
    if difference := dim_name_difference(replace(known, state=()), replace(found, state=())):
        raise MismatchError(f"the labeller and {dataset.root} have other orders of dims: {difference.text}")


def camera_sizes(embodiment: Embodiment, window: Window) -> dict[str, tuple[int, int]]:
    """(height, width) of the cameras that windows show."""
    return {one.name: (one.height, one.width) for one in embodiment.cameras if one.name in window.cameras}


def _read(
    dataset: Dataset, labeller: ActionLabeller, report: Callable[[int, int, str], None]
) -> dict[str, Float32[np.ndarray, "N A"]]:
    """The new columns, of all frames in order."""
    frames = frames_in_batches(dataset, labeller, lambda done, planned: report(done, planned, "frames labelled"))
    found = [labeller.label(samples) for samples in frames]
    action = np.concatenate([one.action for one in found])
    executed = {EXECUTED: action} if EXECUTED in dataset.info["features"] else {}
    return {ACTION: action, **executed, ACTION_STD: np.concatenate([one.std for one in found])}


def frames_in_batches(
    dataset: Dataset, reader: ActionLabeller | ChangeCoder, report: Callable[[int, int], None]
) -> Iterator[Samples]:
    """The windows of all frames in order, in sizes that `reader` knows; `report(done, planned)` after each batch."""
    view = DatasetView(sizes=camera_sizes(reader.embodiment, reader.window))
    windows = Windows(dataset, reader.window, range(dataset.num_episodes), view)
    for first in range(0, len(windows), BATCH):
        rows = np.arange(first, min(first + BATCH, len(windows)))
        yield windows.read(rows)
        report(int(rows[-1]) + 1, len(windows))


def as_ours(
    source: SourceDataset, dataset: Dataset, embodiment: Embodiment, provenance: Mapping[str, Any]
) -> SourceDataset:
    """The source with what data sets of Praxia have beside LeRobot's files, and more `provenance` of its episodes.

    Episodes of another writer begin nowhere that a simulator knows; their state has the meaning that `embodiment` has
    if it has as many dims.
    """
    if dataset.written_by_praxia:
        records, ours = source.records, source.embodiment
    else:
        same = dataset.embodiment.state_dim == embodiment.state_dim
        state = embodiment.state if same else dataset.embodiment.state
        ours = replace(embodiment, state=state, cameras=dataset.embodiment.cameras, streams=())
        records = _records(dataset, embodiment)
    marked = [{**one, "provenance": {**one["provenance"], **provenance}} for one in records]
    return replace(source, embodiment=ours, records=marked)


def _records(dataset: Dataset, embodiment: Embodiment) -> list[dict[str, Any]]:
    episodes, successful = dataset.episodes, set(dataset.select().tolist())
    return [
        {
            "episode_index": number,
            "start_index": number,
            "task": episodes.task[number],
            "instruction": episodes.instruction[number],
            "success": number in successful,
            "start": Start(embodiment.name, episodes.task[number], {"episode": number}).to_json(),
            "provenance": {"collector": "video"},
        }
        for number in range(dataset.num_episodes)
    ]


def _declarations(embodiment: Embodiment, columns: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    one = {"dtype": "float32", "shape": [embodiment.action_dim], "names": field_dim_names(embodiment.action)}
    return {name: dict(one) for name in columns}
