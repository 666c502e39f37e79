"""The simulator's states in a new data set of ours: one row group an episode, as its reader counts them."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from praxia.data.edit.change import Change
from praxia.data.edit.folder import Folder, ParquetFiles
from praxia.data.layout import STATES

__all__ = ["write_states"]


def write_states(folder: Folder, change: Change) -> None:
    """Write praxia/states/. A file whose episodes all stay whole, under their old numbers, is taken over.

    Raises:
        DataError: a file was altered.
    """
    files = ParquetFiles(folder, STATES, "zstd")
    for part in change.parts:
        source, lengths = part.source, part.source.lengths
        for path, (first, last) in source.states():
            kept = part.within(first, last)
            if len(kept) == 0:
                continue
            number = change.number(part) + int(kept[0])
            if len(kept) == last - first + 1 and number == first and not part.trimmed[kept].any():
                files.take_over(source, path, (first, last))
                continue
            source.manifest.check(source.root, source.name(path), full=True)
            rows = pq.read_table(path, memory_map=False)
            offsets = np.cumsum(lengths[first : last + 1]) - lengths[first : last + 1]
            starts = offsets[part.episode[kept] - first] + part.begin[kept]
            for place, (start, length) in enumerate(zip(starts.tolist(), part.length[kept].tolist(), strict=True)):
                state = pa.table(
                    {
                        "episode_index": np.full(length, number + place),
                        "frame_index": np.arange(length),
                        "state": rows["state"].slice(start, length),
                    }
                )
                files.add(state, (number + place, number + place), length)
    files.close()
