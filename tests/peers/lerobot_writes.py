"""Runs inside the `lerobot` package's own environment: writes data sets with its writer, and older ones with its parts.

Episodes come from `given/000000.npz` and so on: images by camera, state, action, instruction.
"""

import json
import shutil
import sys

import datasets
import numpy as np
from lerobot.datasets.compute_stats import compute_episode_stats
from lerobot.datasets.lerobot_dataset import LeRobotDataset
from lerobot.datasets.utils import (
    DEFAULT_FEATURES,
    embed_images,
    get_hf_features_from_features,
    serialize_dict,
    write_json,
)
from lerobot.datasets.v30.convert_dataset_v21_to_v30 import convert_dataset
from lerobot.datasets.video_utils import encode_video_frames, get_video_info
from PIL import Image

IMAGES = "observation.images."
SMALL_FILES_MB = {"data_files_size_in_mb": 0.02, "video_files_size_in_mb": 0.02}
CHUNKS_SIZE = 7
DATA_PATH = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
VIDEO_PATH = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"


def load_episode(given, index):
    return dict(np.load(given / f"{index:06d}.npz"))


def features_of(episode, dtype):
    """The features of an episode, without its instruction; images have the dtype "video" or "image"."""
    features = {}
    for name, values in episode.items():
        if name.startswith(IMAGES):
            features[name] = {"dtype": dtype, "shape": values.shape[1:], "names": ["height", "width", "channels"]}
        elif name != "instruction":
            names = [f"{name}.{dim}" for dim in range(values.shape[1])]
            features[name] = {"dtype": "float32", "shape": values.shape[1:], "names": names}
    return features


def write(root, given, codec, episodes, fps, many_files):
    """A v3.0 data set by the package's own writer. The codec "png" means image features."""
    first, dtype = load_episode(given, 0), "image" if codec == "png" else "video"
    options = {"use_videos": False} if codec == "png" else {"vcodec": codec}
    dataset = LeRobotDataset.create(
        "local/set", fps, features_of(first, dtype), root=root, video_backend="pyav", **options
    )
    if many_files:
        dataset.meta.update_chunk_settings(**SMALL_FILES_MB)
    for index in range(episodes):
        episode = load_episode(given, index)
        instruction = str(episode.pop("instruction"))
        for step in range(len(episode["action"])):
            dataset.add_frame({name: values[step] for name, values in episode.items()} | {"task": instruction})
        dataset.save_episode(parallel_encoding=False)
        if index % 50 == 49:
            print(f"{root.name}: {index + 1} episodes", file=sys.stderr)
    dataset.finalize()


def write_v21(root, given, codec, episodes, fps):
    """A data set in the layout before v3.0, one file per episode, as the package wrote it up to its version 0.3."""
    dtype = "image" if codec == "png" else "video"
    features = features_of(load_episode(given, 0), dtype) | DEFAULT_FEATURES
    tasks, lines, stats, first = [], [], [], 0
    for index in range(episodes):
        episode = load_episode(given, index)
        instruction, length = str(episode.pop("instruction")), len(episode["action"])
        tasks += [] if instruction in tasks else [instruction]
        rows = _v21_rows(root, episode, index, first, tasks.index(instruction), fps)
        stats.append({"episode_index": index, "stats": serialize_dict(_v21_stats(rows, features))})
        lines.append({"episode_index": index, "tasks": [instruction], "length": length})
        numbers = {"episode_chunk": index // CHUNKS_SIZE, "episode_index": index}
        if codec != "png":
            for name in [name for name in rows if name.startswith(IMAGES)]:
                images = root / "images" / name / f"episode-{index:06d}"
                encode_video_frames(images, root / VIDEO_PATH.format(video_key=name, **numbers), fps, codec)
        columns = get_hf_features_from_features(features)
        path = root / DATA_PATH.format(**numbers)
        path.parent.mkdir(parents=True, exist_ok=True)
        table = datasets.Dataset.from_dict({name: rows[name] for name in columns}, features=columns)
        embed_images(table).to_parquet(path)
        first += length
    shutil.rmtree(root / "images")
    _write_v21_meta(root, features, fps, first, tasks, lines, stats)


def _v21_rows(root, episode, index, first, task, fps):
    """The columns of one episode; those of images have the paths of their files."""
    length = len(episode["action"])
    steps = np.arange(length)
    recorded = {
        name: _images(root, name, index, values) if name.startswith(IMAGES) else values
        for name, values in episode.items()
    }
    return recorded | {
        "timestamp": (steps / fps).astype(np.float32),
        "frame_index": steps,
        "index": first + steps,
        "episode_index": np.full(length, index),
        "task_index": np.full(length, task),
    }


def _images(root, name, episode, images):
    """Write images as PNG files, like the package's recorder before encoding."""
    folder = root / "images" / name / f"episode-{episode:06d}"
    folder.mkdir(parents=True)
    paths = [folder / f"frame-{step:06d}.png" for step in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    return [str(path) for path in paths]


def _v21_stats(rows, features):
    """The package's statistics, without the quantiles that it did not compute then."""
    found = compute_episode_stats(rows, features)
    return {
        name: {kind: value for kind, value in one.items() if not kind.startswith("q")} for name, one in found.items()
    }


def _write_v21_meta(root, features, fps, frames, tasks, lines, stats):
    episodes, chunks = len(lines), -(-len(lines) // CHUNKS_SIZE)
    videos = [name for name, feature in features.items() if feature["dtype"] == "video"]
    for name in videos:
        path = root / VIDEO_PATH.format(video_key=name, episode_chunk=0, episode_index=0)
        features[name] = features[name] | {"info": get_video_info(path)}
    info = {
        "codebase_version": "v2.1",
        "robot_type": "synthetic",
        "total_episodes": episodes,
        "total_frames": frames,
        "total_tasks": len(tasks),
        "total_videos": episodes * len(videos),
        "total_chunks": chunks,
        "chunks_size": CHUNKS_SIZE,
        "fps": fps,
        "splits": {"train": f"0:{episodes}"},
        "data_path": DATA_PATH,
        "video_path": VIDEO_PATH if videos else None,
        "features": features,
    }
    write_json(info, root / "meta/info.json")
    listed = [{"task_index": index, "task": task} for index, task in enumerate(tasks)]
    for name, rows in (("tasks", listed), ("episodes", lines), ("episodes_stats", stats)):
        (root / "meta" / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def convert_v21(root, target):
    """A copy of a v2.1 data set, converted by the package's own script into several files."""
    shutil.copytree(root, target)
    limits = {"data_file_size_in_mb": 0.02, "video_file_size_in_mb": 0.02}
    convert_dataset(target.name, root=target.parent, push_to_hub=False, **limits)
