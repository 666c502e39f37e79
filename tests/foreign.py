"""Data sets of the synthetic robot as other writers lay them out: LeRobot v3.0 and v2.1, in any codec or as images.

Written from the published layout, apart from our own writer.
"""

import io
import json
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import synthetic
from PIL import Image
from scheduling import usual_priority

FPS = 30
# As LeRobot's writer encodes; and long groups of images with B frames, as cameras and converters do.
CODECS = {
    "av1": ("libsvtav1", {"g": "2", "crf": "30", "preset": "12"}),
    "h264": ("libx264", {"g": "2", "crf": "30"}),
    "hevc": ("libx265", {"g": "2", "crf": "30", "x265-params": "log-level=none"}),
    "h264-long": ("libx264", {"crf": "23"}),
}
CAMERAS = {camera.name: (camera.height, camera.width) for camera in synthetic.EMBODIMENT.cameras}


def drop_features(root, names):
    """Take features of numbers away from a finished data set of another writer."""
    for file in root.glob("data/*/*.parquet"):
        pq.write_table(pq.read_table(file).drop_columns(names), file)
    info = json.loads((root / "meta" / "info.json").read_text())
    info["features"] = {name: one for name, one in info["features"].items() if name not in names}
    (root / "meta" / "info.json").write_text(json.dumps(info))


def encode(images, codec):
    """An mp4 file of one or more episodes, each encoded as if alone would be by LeRobot; here in one go."""
    encoder, options = CODECS[codec]
    target = io.BytesIO()
    with usual_priority(), av.open(target, "w", format="mp4") as container:
        stream = container.add_stream(encoder, rate=FPS, options=options)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return target.getvalue()


def png(image):
    target = io.BytesIO()
    Image.fromarray(image).save(target, "PNG")
    return target.getvalue()


def write(root: Path, version: str = "v3.0", codec: str | None = "av1", episodes=range(6), per_file: int = 4):
    """A data set of the given episodes; `codec` None: images in the data files. Returns its episodes."""
    taken = [synthetic.episode(number) for number in episodes]
    lengths = [len(one) for one in taken]
    firsts = np.cumsum([0, *lengths[:-1]]).tolist()
    tasks = sorted({one.instruction for one in taken})
    groups = [[n] for n in range(len(taken))]
    if version == "v3.0":
        groups = [list(range(len(taken)))[at : at + per_file] for at in range(0, len(taken), per_file)]
    chunk = "chunk-000"
    table = {"episode_index": list(range(len(taken))), "tasks": [[one.instruction] for one in taken], "length": lengths}
    table |= {"dataset_from_index": firsts, "dataset_to_index": [a + n for a, n in zip(firsts, lengths, strict=True)]}
    table |= {"data/chunk_index": [0] * len(taken), "data/file_index": [0] * len(taken)}
    for file, group in enumerate(groups):
        name = f"file-{file:03d}" if version == "v3.0" else f"episode_{file:06d}"
        rows = [_rows(taken[n], n, firsts[n], tasks.index(taken[n].instruction), codec) for n in group]
        (root / "data" / chunk).mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(root / "data" / chunk / f"{name}.parquet", rows[0].schema) as writer:
            for one in rows:
                writer.write_table(one)
        for n in group:
            table["data/file_index"][n] = file
        for camera in CAMERAS if codec else ():
            key = f"observation.images.{camera}"
            images = np.concatenate([taken[n].images[camera] for n in group])
            folder = root / "videos" / (Path(key, chunk) if version == "v3.0" else Path(chunk, key))
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.mp4").write_bytes(encode(images, codec))
            begin = 0.0
            for n in group:
                position = {"chunk_index": 0, "file_index": file, "from_timestamp": begin}
                begin += lengths[n] / FPS
                for what, value in {**position, "to_timestamp": begin}.items():
                    table.setdefault(f"videos/{key}/{what}", []).append(value)
    _write_meta(root, version, codec, tasks, table)
    return taken


def _rows(episode, number, first, task, codec):
    n = len(episode)
    columns = {
        "observation.state": pa.FixedSizeListArray.from_arrays(pa.array(episode.state.ravel()), 4),
        "action": pa.FixedSizeListArray.from_arrays(pa.array(episode.action.ravel()), 3),
    }
    for camera in () if codec else CAMERAS:
        cells = [{"bytes": png(one), "path": f"frame-{t:06d}.png"} for t, one in enumerate(episode.images[camera])]
        columns[f"observation.images.{camera}"] = pa.array(cells)
    columns["timestamp"] = (np.arange(n) / FPS).astype(np.float32)
    columns |= {"frame_index": np.arange(n), "episode_index": np.full(n, number)}
    columns |= {"index": first + np.arange(n), "task_index": np.full(n, task)}
    return pa.table(columns)


def _write_meta(root, version, codec, tasks, table):
    features = {
        f"observation.images.{camera}": {
            "dtype": "video" if codec else "image",
            "shape": [*size, 3],
            "names": ["height", "width", "channels"],
        }
        for camera, size in CAMERAS.items()
    }
    features |= {"observation.state": {"dtype": "float32", "shape": [4], "names": None}}
    features |= {"action": {"dtype": "float32", "shape": [3], "names": {"motors": ["a", "b", "c"]}}}
    for name in ("timestamp", "frame_index", "episode_index", "index", "task_index"):
        features[name] = {"dtype": "float32" if name == "timestamp" else "int64", "shape": [1], "names": None}
    three = version == "v3.0"
    name = "file-{file_index:03d}" if three else "episode_{episode_index:06d}"
    chunk = "chunk-{chunk_index:03d}" if three else "chunk-{episode_chunk:03d}"
    info = {"codebase_version": version, "robot_type": None, "fps": FPS, "chunks_size": 1000, "features": features}
    info |= {"total_episodes": len(table["length"]), "total_frames": sum(table["length"])}
    info["data_path"] = f"data/{chunk}/{name}.parquet"
    folder = f"{{video_key}}/{chunk}" if three else f"{chunk}/{{video_key}}"
    info["video_path"] = f"videos/{folder}/{name}.mp4" if codec else None
    (root / "meta").mkdir(exist_ok=True)
    (root / "meta/info.json").write_text(json.dumps(info))
    if three:
        (root / "meta/episodes/chunk-000").mkdir(parents=True)
        pq.write_table(pa.table(table), root / "meta/episodes/chunk-000/file-000.parquet")
        rows = pa.table({"task_index": list(range(len(tasks))), "__index_level_0__": tasks})
        pq.write_table(rows, root / "meta/tasks.parquet")
        return
    names = ("episode_index", "tasks", "length")
    lines = [dict(zip(names, values, strict=True)) for values in zip(*(table[name] for name in names), strict=True)]
    (root / "meta/episodes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in reversed(lines)))
    lines = [{"task_index": number, "task": task} for number, task in enumerate(tasks)]
    (root / "meta/tasks.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
