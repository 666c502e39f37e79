"""What a data set without recorded hashes is known by: its content, wherever it was copied."""

import hashlib
import json
from collections.abc import Iterator, Mapping

import pyarrow.parquet as pq

from praxia.core.files import AnyPath, is_local, relative_name, sha256_file
from praxia.data.dataset import Dataset
from praxia.data.features import camera_videos
from praxia.data.layout import parquet_files

__all__ = ["dataset_identity", "matches_identity", "sampled_sha256", "samples_of"]

# Of all files with images together so many pieces are read, but of each its begin, its middle and its end.
PIECES = 4096
PIECE_BYTES = 16 * 1024


def dataset_identity(dataset: Dataset) -> dict[str, str | None]:
    """Where a data set is, and what it is known by wherever it is: its hash, or `sampled_sha256` where it has none."""
    known: dict[str, str | None] = {"path": str(dataset.root), "content_sha256": dataset.content_sha256}
    return known if dataset.written_by_praxia else {**known, "sampled_sha256": sampled_sha256(dataset)}


def matches_identity(dataset: Dataset, known: Mapping[str, str | None]) -> bool:
    """Whether it is what `dataset_identity` said, as far as that said it: policies of the time before have no samples."""
    found = dataset_identity(dataset)
    return all(found.get(name) == value for name, value in known.items() if name != "path")


def sampled_sha256(dataset: Dataset) -> str:
    """A hash of what training reads of a data set of another writer: all of `meta/`, every number, and some of its
    images.

    In full: the files of `meta/`, and of the parquet files what is not images. Of videos, and of images in parquet
    files: the size, and `PIECES` pieces spread evenly over all files, begin and end of each among them, where an mp4
    has its index of frames. So another recording, more episodes and altered numbers are noticed, also where no file
    changes its size; a few altered images that take as many bytes as before need not be. Names are relative to the
    data set's folder; times do not count. It takes what reading the numbers takes, and at most 64 MB of images (48
    kB a file, where there are more than 1,365). Where a data set is not on a disk of this machine only sizes of videos
    count.
    """
    root, features = dataset.root, dataset.info["features"]
    images = {key for key, one in features.items() if one["dtype"] == "image"}
    filmed = sorted(
        {file.path for key in camera_videos(features) for file in dataset.metadata.video_files(key)}, key=str
    )
    tables = parquet_files(root / "data")
    pieces = max(3, PIECES // max(1, len(filmed) + (len(tables) if images else 0)))
    told = [path for path in (root / "meta").rglob("*") if path.is_file() and not path.name.startswith(".")]
    found = {path: [sha256_file(path)] for path in sorted(told, key=str)}
    found |= {path: _numbers(path, images, pieces) if images else [sha256_file(path)] for path in tables}
    local = is_local(root)
    found |= {path: [*samples_of(path, pieces)] if local else [str(path.stat().st_size)] for path in filmed}
    named = {relative_name(root, path): known for path, known in found.items()}
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()


def samples_of(path: AnyPath, pieces: int) -> Iterator[str]:
    """The size of a file and the hash of evenly spread pieces of it; of all of it where it is not larger than those."""
    size = path.stat().st_size
    yield str(size)
    if size <= pieces * PIECE_BYTES:
        yield sha256_file(path)
    else:
        last = size - PIECE_BYTES
        yield _pieces(path, [(last * at // (pieces - 1), PIECE_BYTES) for at in range(pieces)])


def _numbers(path: AnyPath, images: set[str], pieces: int) -> list[str]:
    """Of a parquet file: all columns but those of `images`, what it says of itself, and samples of it all."""
    with path.open("rb") as file:
        about = pq.read_metadata(file)
    groups = (about.row_group(number) for number in range(about.num_row_groups))
    columns = [group.column(number) for group in groups for number in range(group.num_columns)]
    chunks = [
        (min(one.data_page_offset, one.dictionary_page_offset or one.data_page_offset), one.total_compressed_size)
        for one in columns
        # The names of columns have dots themselves; "NAME.bytes" and "NAME.path" are within the image NAME.
        if not any(f"{one.path_in_schema}.".startswith(f"{name}.") for name in images)
    ]
    end = path.stat().st_size
    footer = about.serialized_size + 8
    return [_pieces(path, [*chunks, (end - footer, footer)]), *samples_of(path, pieces)]


def _pieces(path: AnyPath, places: list[tuple[int, int]]) -> str:
    """The hash of stretches of a file, (begin, bytes) each."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for begin, size in places:
            file.seek(begin)
            digest.update(file.read(size))
    return digest.hexdigest()
