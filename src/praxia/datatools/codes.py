"""Video gets the codes of what changes in it in place of actions: a data set for a policy to be pretrained on."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32

from praxia.core.errors import DataError, MismatchError
from praxia.core.files import AnyPath
from praxia.core.labelling import ChangeCoder
from praxia.data.dataset import Dataset
from praxia.data.features import field_dim_names
from praxia.data.vectors import ACTION
from praxia.dataloader.windows import EXECUTED
from praxia.datatools.edit.change import Change, EpisodeSlice
from praxia.datatools.edit.computed import ComputedColumns
from praxia.datatools.edit.source import SourceDataset
from praxia.datatools.edit.write import expect_new, write
from praxia.datatools.relabel import as_ours, camera_sizes, frames_in_batches

__all__ = ["write_codes"]


def write_codes(
    root: str | AnyPath,
    out: Path,
    coder: ChangeCoder,
    identity: Mapping[str, Any],
    *,
    report: Callable[[int, int, str], None] = lambda done, planned, text: None,
) -> dict[str, Any]:
    """Write a data set of ours in `out` with the episodes of `root` and the numbers of codes in place of actions.

    `root` may be of another writer, and have no actions. Of each episode the last frames, after which no later frame is
    known, are left out, and episodes that have no others altogether. Videos are linked, not encoded; the coder sees
    images in the sizes that it knows. The embodiment is named after its codes ("tworoom-codes"), so that no robot
    carries them out. `identity`, a JSON value that says which model the coder is, is written into the plan and into the
    provenance of each episode ("coded_by").

    Returns {operation, out, episodes, frames, content_sha256, ...}.

    Raises:
        MismatchError: another rate, or other names of cameras, than the coder's.
        DataError: a data set that cannot be read, or in which every episode is too short.
        PraxiaError: `out` exists, or is inside of `root`.
    """
    dataset, source = Dataset(root), SourceDataset.open(root)
    _expect_coded(dataset, coder)
    expect_new([Change((EpisodeSlice.all_frames(source),), {})], [out])
    codes, valid = _read(dataset, coder, report)
    lengths = np.add.reduceat(valid.astype(np.int64), np.cumsum(source.lengths) - source.lengths)
    kept = np.flatnonzero(lengths)
    if not len(kept):
        raise DataError(f"expected episodes that are longer than the coder's gap between frames in {root}, got none")
    fields = (coder.field,)
    ours = as_ours(source, dataset, coder.embodiment, {"coded_by": dict(identity)})
    assert ours.embodiment is not None
    name = f"{ours.embodiment.name}-codes"
    ours = replace(ours, embodiment=replace(ours.embodiment, name=name, action=fields, hold={}))
    part = EpisodeSlice(ours, kept, np.zeros_like(kept), lengths[kept])
    names = (ACTION, EXECUTED) if EXECUTED in dataset.info["features"] else (ACTION,)
    declared = {"dtype": "float32", "shape": [coder.field.size], "names": field_dim_names(fields)}
    computed = ComputedColumns(dict.fromkeys(names, codes[valid]), {name: dict(declared) for name in names})
    operation = {"operation": "codes", "of": [dataset.content_hash], "by": dict(identity)}
    (done,) = write([Change((part,), operation, computed=computed)], [out])
    return {"operation": "codes", **done}


def _expect_coded(dataset: Dataset, coder: ChangeCoder) -> None:
    known = {"control_hz": coder.embodiment.control_hz, "cameras": sorted(coder.window.cameras)}
    theirs = dataset.embodiment
    found = {"control_hz": theirs.control_hz, "cameras": sorted(camera_sizes(theirs, coder.window))}
    if known != found:
        raise MismatchError(f"expected data like the coder's, {known}, got {found} of {dataset.root}")


def _read(
    dataset: Dataset, coder: ChangeCoder, report: Callable[[int, int, str], None]
) -> tuple[Float32[np.ndarray, "N P"], Bool[np.ndarray, " N"]]:
    """The numbers of the codes of all frames in order, and where they are known."""
    frames = frames_in_batches(dataset, coder, lambda done, planned: report(done, planned, "frames coded"))
    codes, valid = zip(*map(coder.code, frames), strict=True)
    return np.concatenate(codes).astype(np.float32), np.concatenate(valid)
