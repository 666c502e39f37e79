"""The identity of a data set without recorded hashes: its content, wherever it is copied."""

import hashlib
import json
from collections.abc import Iterator

import pyarrow.parquet as pq

from praxia.core.files import AnyPath, is_local, relative_name, sha256_file
from praxia.data.features import camera_videos
from praxia.data.layout import parquet_files
from praxia.data.metadata import Metadata

__all__ = ["sampled_sha256", "samples_of"]

# Pieces read of all files with images together; of each at least its begin, its middle and its end.
PIECES = 4096
PIECE_BYTES = 16 * 1024


def sampled_sha256(metadata: Metadata) -> str:
    """A hash of what training reads of a data set of another writer: all of `meta/`, every number, some of its images.

    It covers in full the files of `meta/` and the numbers in parquet files. Of videos, and of images in parquet files,
    it covers the size and `PIECES` pieces spread evenly over all files, among them the begin and the end of each, where
    an mp4 has its index of frames. So it notices another recording, more episodes and altered numbers, even if no file
    changes its size, but not always a few altered images of as many bytes as before. Names are relative to the data
    set's folder; times do not count. The cost is that of reading the numbers, and at most 64 MB of images (48 kB per
    file, if there are more than 1,365). Of a data set that is not on a local disk only the sizes of videos count.
    """
    root, features = metadata.root, metadata.info["features"]
    images = {key for key, one in features.items() if one["dtype"] == "image"}
    videos = sorted({file.path for key in camera_videos(features) for file in metadata.video_files(key)}, key=str)
    tables = parquet_files(root / "data")
    pieces = max(3, PIECES // max(1, len(videos) + (len(tables) if images else 0)))
    meta = [path for path in (root / "meta").rglob("*") if path.is_file() and not path.name.startswith(".")]
    found = {path: [sha256_file(path)] for path in sorted(meta, key=str)}
    found |= {path: _numbers(path, images, pieces) if images else [sha256_file(path)] for path in tables}
    local = is_local(root)
    found |= {path: [*samples_of(path, pieces)] if local else [str(path.stat().st_size)] for path in videos}
    named = {relative_name(root, path): known for path, known in found.items()}
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()


def samples_of(path: AnyPath, pieces: int) -> Iterator[str]:
    """The size of a file and the hash of evenly spread pieces of it, or of all of it if it is smaller than those."""
    size = path.stat().st_size
    yield str(size)
    if size <= pieces * PIECE_BYTES:
        yield sha256_file(path)
    else:
        last = size - PIECE_BYTES
        yield _pieces(path, [(last * at // (pieces - 1), PIECE_BYTES) for at in range(pieces)])


def _numbers(path: AnyPath, images: set[str], pieces: int) -> list[str]:
    """Hashes of a parquet file: of all columns but `images` and of the footer, and samples of the file."""
    with path.open("rb") as file:
        about = pq.read_metadata(file)
    groups = (about.row_group(number) for number in range(about.num_row_groups))
    columns = [group.column(number) for group in groups for number in range(group.num_columns)]
    chunks = [
        (min(one.data_page_offset, one.dictionary_page_offset or one.data_page_offset), one.total_compressed_size)
        for one in columns
        # Names of columns may contain dots; "NAME.bytes" and "NAME.path" belong to the image NAME.
        if not any(f"{one.path_in_schema}.".startswith(f"{name}.") for name in images)
    ]
    end = path.stat().st_size
    footer = about.serialized_size + 8
    return [_pieces(path, [*chunks, (end - footer, footer)]), *samples_of(path, pieces)]


def _pieces(path: AnyPath, ranges: list[tuple[int, int]]) -> str:
    """The hash of pieces of a file, (begin, bytes) each."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for begin, size in ranges:
            file.seek(begin)
            digest.update(file.read(size))
    return digest.hexdigest()
