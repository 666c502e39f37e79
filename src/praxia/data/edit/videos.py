"""The videos of a new data set: files of its sources, byte for byte, and where each episode's pictures are in them."""

from typing import Any

import numpy as np

from praxia.data.edit.change import Change
from praxia.data.edit.folder import Folder
from praxia.data.layout import VIDEO, place

__all__ = ["take_over_videos"]


def take_over_videos(folder: Folder, change: Change, key: str) -> dict[str, Any]:
    """Every file of the video feature `key` (its old name) that a kept episode uses, numbered anew.

    Gives the columns chunk_index, file_index, from_timestamp and to_timestamp of the episode table, in seconds.
    """
    chunks, files, begins, ends = [], [], [], []
    number = 0
    for part in change.parts:
        for file in part.source.files(key):
            kept = part.within(*file.episodes)
            if len(kept) == 0:
                continue
            at = place(number)
            number += 1
            first = change.number(part) + int(kept[0])
            name = VIDEO.format(video_key=change.names.feature(key), **at)
            folder.take_over(part.source, file.path, name, (first, first + len(kept) - 1))
            chunks += [at["chunk_index"]] * len(kept)
            files += [at["file_index"]] * len(kept)
        table = part.source.table.select([f"videos/{key}/from_timestamp", f"videos/{key}/to_timestamp"])
        begin, end = (column.to_numpy()[part.episode] for column in table.columns)
        shifted = begin + part.begin / part.source.fps
        begins.append(shifted)
        ends.append(np.where(part.trimmed, shifted + part.length / part.source.fps, end))
    return {
        "chunk_index": chunks,
        "file_index": files,
        "from_timestamp": np.concatenate(begins),
        "to_timestamp": np.concatenate(ends),
    }
