"""The simulator's states in a new data set of ours: one row group an episode, as its reader counts them."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from praxia.data.layout import STATES
from praxia.data.parquet import native
from praxia.datatools.edit.change import Change
from praxia.datatools.edit.folder import Folder, ParquetFiles
from praxia.datatools.edit.rows import cut

__all__ = ["write_states"]


def write_states(folder: Folder, change: Change) -> None:
    """Write praxia/states/. A file whose episodes all stay whole, under their old numbers, is taken over.

    Raises:
        DataError: a file was altered.
    """
    files = ParquetFiles(folder, STATES, "zstd")
    for part in change.parts:
        source, numbers = part.source, part.source.numbers[part.episode]
        for path, (first, last) in source.states():
            kept = np.arange(*np.searchsorted(numbers, [first, last + 1]))
            if len(kept) == 0:
                continue
            number = change.number(part) + int(kept[0])
            if len(kept) == last - first + 1 and number == first and not part.trimmed[kept].any():
                files.take_over(source, path, (first, last))
                continue
            source.manifest.check(source.root, source.name(path), full=True)
            rows = pq.read_table(native(path), columns=["episode_index", "state"])
            starts = np.searchsorted(rows["episode_index"].to_numpy(), numbers[kept])
            length = part.length[kept]
            states = cut(rows, starts + part.begin[kept], length)
            begins = np.cumsum(length) - length
            table = pa.table(
                {
                    "episode_index": np.repeat(number + np.arange(len(kept)), length),
                    "frame_index": np.arange(len(states)) - np.repeat(begins, length),
                    "state": states["state"],
                }
            )
            # Neighbours of one length are written together: ten thousand calls of the writer would take seconds.
            for run in np.split(np.arange(len(kept)), np.flatnonzero(np.diff(length)) + 1):
                rows_a_group = int(length[run[0]])
                piece = table.slice(begins[run[0]], len(run) * rows_a_group)
                files.add(piece, (number + int(run[0]), number + int(run[-1])), rows_a_group)
    files.close()
