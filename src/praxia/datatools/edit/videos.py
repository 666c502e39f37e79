"""The videos of a new data set: files of its sources, byte for byte, and where each episode's images are in them."""

from typing import Any

import numpy as np

from praxia.data.layout import VIDEO, place
from praxia.datatools.edit.change import Change
from praxia.datatools.edit.folder import Folder

__all__ = ["take_over_videos"]


def take_over_videos(folder: Folder, change: Change, key: str) -> tuple[dict[str, Any], dict[str, int | None]]:
    """Every file of the video feature `key` (its old name) that a kept episode uses, numbered anew.

    Gives the columns chunk_index, file_index, from_timestamp and to_timestamp of the episode table, in seconds; and how
    many frames each file should have, which only the sources' episodes tell.
    """
    chunks, files, begins, ends = [], [], [], []
    frames, number = {}, 0
    for part in change.parts:
        due = part.source.video_frames(key)
        for file in part.source.videos(key):
            kept = part.within(int(file.episode[0]), int(file.episode[-1]))
            if len(kept) == 0:
                continue
            at = place(number)
            number += 1
            first = change.number(part) + int(kept[0])
            name = VIDEO.format(video_key=change.names.feature(key), **at)
            folder.take_over(part.source, file.path, name, (first, first + len(kept) - 1))
            frames[name] = due[file.path]
            chunks += [at["chunk_index"]] * len(kept)
            files += [at["file_index"]] * len(kept)
        table = part.source.table.select([f"videos/{key}/from_timestamp", f"videos/{key}/to_timestamp"])
        begin, end = (column.to_numpy()[part.episode] for column in table.columns)
        shifted = begin + part.begin / part.source.fps
        begins.append(shifted)
        ends.append(np.where(part.trimmed, shifted + part.length / part.source.fps, end))
    places = {"chunk_index": chunks, "file_index": files}
    places |= {"from_timestamp": np.concatenate(begins), "to_timestamp": np.concatenate(ends)}
    return places, frames
