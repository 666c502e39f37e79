"""Damaged data sets of the synthetic robot, each made from a healthy one by a number.

A data set is a dict {path: bytes}. `DAMAGES` lists every kind of damage, and whether `check` must detect it without
checksums: it cannot if the damaged data set is still consistent with itself.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import foreign
import numpy as np
import pyarrow.parquet as pq
import synthetic
from damages import files, meta, rows, table, videos
from damages.files import Files

from praxia.data import merge
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode

# Versions and codecs as LeRobot writes them.
OTHERS = {"av1": ("v3.0", "av1"), "hevc": ("v3.0", "hevc"), "images": ("v3.0", None), "v2.1": ("v2.1", "h264")}


def healthy(folder: Path, others: Mapping[str, tuple[str, str | None]] = OTHERS) -> dict[str, Files]:
    """Six episodes of 5 to 20 steps, several files of each kind: "ours" with checksums, and the layouts of `others`."""
    _record(folder / "ours")
    bases = {"ours": _read(folder / "ours")}
    bases["without"] = {name: data for name, data in bases["ours"].items() if not name.startswith("praxia/")}
    write(folder / "without", bases["without"])
    for base, (version, codec) in others.items():
        foreign.write(folder / base, version, codec)
        _write_statistics(folder / base)
        bases[base] = _read(folder / base)
    return bases


def _write_statistics(folder: Path) -> None:
    """Write `meta/stats.json` from the formulas."""
    rows = pq.read_table(folder / "data")
    described = {}
    for feature in ("observation.state", "action"):
        values = np.array(rows[feature].to_pylist())
        statistics = {"min": values.min(0), "max": values.max(0), "mean": values.mean(0), "std": values.std(0)}
        described[feature] = {name: value.tolist() for name, value in statistics.items()} | {"count": [len(values)]}
    for feature in ("timestamp", "frame_index", "episode_index", "index", "task_index"):
        values = np.array(rows[feature].to_pylist(), dtype=np.float64)
        described[feature] = {"min": [values.min()], "max": [values.max()], "count": [len(values)]}
    (folder / "meta/stats.json").write_text(json.dumps(described))


def _record(folder: Path) -> None:
    with mock.patch.multiple(merge, VIDEO_FILE_BYTES=12_000, DATA_FILE_BYTES=3_000):
        begin_recording(folder, {"seed": 0})
        for index in range(table.EPISODES):
            stage_episode(folder, index, synthetic.episode(index))
        finalize(folder, synthetic.EMBODIMENT, {"seed": 0})


def _read(folder: Path) -> Files:
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: paths[name].read_bytes() for name in sorted(paths) if not name.startswith(".")}


def write(folder: Path, content: Files) -> None:
    """Make `folder` hold exactly these files."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


@dataclass(frozen=True)
class Damaged:
    """A data set made of the healthy one named `base` by damage of a `kind` to the files `where`."""

    number: int
    base: str
    kind: str
    files: Files
    where: tuple[str, ...]

    @property
    def checksums(self) -> bool:
        return self.base == "ours"


def damaged(bases: Mapping[str, Files], number: int) -> Damaged:
    """The `number`-th damaged data set: every second is one of ours, the others in turn; kinds in turn; the rest drawn.

    Damage that a base cannot have, such as to the videos of a data set of images, gives way to flipped bits.
    """
    others = [name for name in bases if name != "ours"]
    base = "ours" if number % 2 == 0 else others[number // 2 // len(DAMAGES) % len(others)]
    kind = list(DAMAGES)[number // 2 % len(DAMAGES)]
    if not all(any(name.startswith(prefix) for name in bases[base]) for prefix in DAMAGES[kind].needs):
        kind = "bits of any file"
    rng = np.random.default_rng(number)
    for _ in range(100):
        content = dict(bases[base])
        DAMAGES[kind].do(content, rng)
        where = tuple(name for name in {**bases[base], **content} if content.get(name) != bases[base].get(name))
        if where:
            return Damaged(number, base, kind, content, where)
    raise AssertionError(f"{kind} damaged nothing")


@dataclass(frozen=True)
class Kind:
    """`noticed`: without checksums too. `needs` is how the paths begin of files that there must be."""

    do: Callable[[Files, np.random.Generator], None]
    noticed: bool
    needs: tuple[str, ...] = ()


DAMAGES = {
    "truncated": Kind(files.truncate, True),
    "zero bytes": Kind(files.empty, True),
    "missing file": Kind(files.remove, True),
    "bits of any file": Kind(files.flip, False),
    "bits of a video": Kind(files.flip_video, False, ("videos/",)),
    "bits of a data file": Kind(files.flip_rows, False),
    "block overwritten": Kind(files.overwrite, False),
    "videos exchanged": Kind(files.exchange, False, ("videos/",)),
    "index shifted": Kind(rows.shift_index, True),
    "one wrong index": Kind(rows.wrong_index, True),
    "rows reordered": Kind(rows.reorder_rows, True),
    "row lost": Kind(rows.drop_row, True),
    "row twice": Kind(rows.double_row, True),
    "stray rows": Kind(rows.stray_rows, True),
    "wrong timestamp": Kind(rows.wrong_time, True),
    "unknown task": Kind(rows.unknown_task, True),
    "another task": Kind(rows.other_task, True),
    "not finite": Kind(rows.not_finite, True),
    "absent number": Kind(rows.absent_number, True),
    "ragged action": Kind(rows.ragged, True),
    "column lost": Kind(rows.drop_column, True),
    "wrong type": Kind(rows.wrong_type, True),
    "wrong from_timestamp": Kind(table.wrong_from, True, ("meta/episodes/", "videos/")),
    "wrong to_timestamp": Kind(table.wrong_to, True, ("meta/episodes/", "videos/")),
    "from and to shifted": Kind(table.shifted_times, True, ("meta/episodes/", "videos/")),
    "wrong length": Kind(table.wrong_length, True, ("meta/episodes/",)),
    "empty episode": Kind(table.no_frames, True, ("meta/episodes/",)),
    "wrong position": Kind(table.wrong_position, True, ("meta/episodes/",)),
    "wrong video file": Kind(table.wrong_file, True, ("meta/episodes/", "videos/")),
    "huge episode": Kind(table.huge, True, ("meta/episodes/", "videos/")),
    "rows of the episode table": Kind(table.table_rows, True, ("meta/episodes/",)),
    "columns of the episode table": Kind(table.table_column, True, ("meta/episodes/",)),
    "table of tasks": Kind(meta.tasks, True, ("meta/tasks.parquet",)),
    "info.json": Kind(meta.info, True),
    "lines of episodes": Kind(meta.lines, True, ("meta/episodes.jsonl",)),
    "no JSON": Kind(meta.not_json, True),
    "manifest": Kind(meta.manifest, True),
    "stale statistics": Kind(meta.stale_stats, True),
    "video one image short": Kind(videos.video_one_less, True, ("videos/",)),
    "video one image long": Kind(videos.video_one_more, True, ("videos/",)),
    "video of another size": Kind(videos.video_size, True, ("videos/",)),
    "video of another rate": Kind(videos.video_rate, True, ("videos/",)),
    "images rolled": Kind(videos.video_order, False, ("videos/",)),
}
