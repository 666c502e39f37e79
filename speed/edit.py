"""Time to delete one episode of 10,000 x 200 rows: numbers are rewritten, statistics recomputed, videos linked.

The data set is plain LeRobot v3.0 as other writers leave it: 14 state and 14 action dims in files of about 100 MB, one
camera with a short video file per 1,000 episodes, and statistics of every episode. The deleted episode is the first, so
that every row changes. One thread.

    python speed/edit.py [--episodes 10000] [--json]
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from praxia.data.finalize import write_tasks
from praxia.data.layout import CODEBASE_VERSION, DATA, EPISODES, INFO, STATS, VIDEO, chunk_and_file, json_bytes
from praxia.data.video import encode
from praxia.datatools.edit.operations import delete
from praxia.statistics.running import QUANTILES

ROWS, DIMS, FPS = 200, 14, 50
EPISODES_PER_DATA_FILE, EPISODES_PER_VIDEO = 3_500, 1_000
CAMERA = "observation.images.front"
SCALAR = {"dtype": "int64", "shape": [1], "names": None}


def features() -> dict[str, dict]:
    vector = {"dtype": "float32", "shape": [DIMS], "names": None}
    return {
        CAMERA: {"dtype": "video", "shape": [32, 32, 3], "names": ["height", "width", "channels"]},
        "observation.state": vector,
        "action": vector,
        "timestamp": {**SCALAR, "dtype": "float32"},
        **dict.fromkeys(("frame_index", "episode_index", "index", "task_index"), SCALAR),
    }


def rows(first: int, episodes: int, draw: np.random.Generator) -> pa.Table:
    """`episodes` episodes of smooth random motion."""
    steps = np.tile(np.arange(ROWS), episodes)

    def vectors() -> pa.Array:
        values = draw.normal(size=(episodes * ROWS, DIMS)).astype(np.float32)
        return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), DIMS)

    return pa.table(
        {
            "observation.state": vectors(),
            "action": vectors(),
            "timestamp": (steps / FPS).astype(np.float32),
            "frame_index": steps,
            "episode_index": np.repeat(np.arange(first, first + episodes), ROWS),
            "index": first * ROWS + np.arange(len(steps)),
            "task_index": np.repeat(np.arange(first, first + episodes) % 10, ROWS),
        }
    )


def write_data(root: Path, episodes: int) -> dict[str, list[int]]:
    """Write the rows, and return the columns with the location of each episode."""
    draw = np.random.default_rng(0)
    locations = []
    for number, first in enumerate(range(0, episodes, EPISODES_PER_DATA_FILE)):
        count = min(EPISODES_PER_DATA_FILE, episodes - first)
        path = root / DATA.format(**chunk_and_file(number))
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows(first, count, draw), path, compression="snappy", row_group_size=ROWS * 100)
        locations += [chunk_and_file(number)] * count
    return {f"data/{name}": [location[name] for location in locations] for name in locations[0]}


def write_videos(root: Path, episodes: int) -> dict[str, np.ndarray]:
    """Write small placeholder videos, which an edit never opens, and return the location of each episode."""
    video = encode(draw_images(), FPS)
    numbers = np.arange(episodes)
    for number in range(-(-episodes // EPISODES_PER_VIDEO)):
        path = root / VIDEO.format(video_key=CAMERA, **chunk_and_file(number))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(video)
    begins = numbers % EPISODES_PER_VIDEO * ROWS / FPS
    columns = {"chunk_index": numbers * 0, "file_index": numbers // EPISODES_PER_VIDEO}
    columns |= {"from_timestamp": begins, "to_timestamp": begins + ROWS / FPS}
    return {f"videos/{CAMERA}/{name}": values for name, values in columns.items()}


def draw_images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (50, 32, 32, 3), dtype=np.uint8)


def statistics(episodes: int) -> dict[str, pa.Array]:
    """Statistics of the right form: an edit keeps those of images, and recomputes those of indices."""
    draw, found = np.random.default_rng(1), {}
    for name, feature in features().items():
        dims = 3 if feature["dtype"] == "video" else feature["shape"][0]
        values = np.sort(draw.random((episodes, dims, len(QUANTILES) + 2)), axis=2)
        kinds = dict(zip(("min", *QUANTILES, "max"), np.moveaxis(values, 2, 0), strict=True))
        for kind, column in {**kinds, "mean": kinds["q50"], "std": kinds["q10"]}.items():
            nested = column.reshape(episodes, dims, 1, 1) if dims == 3 else column
            found[f"stats/{name}/{kind}"] = pa.array(nested.tolist())
        found[f"stats/{name}/count"] = pa.array([[ROWS]] * episodes)
    return found


def write_dataset(root: Path, episodes: int) -> None:
    """Write a data set of `episodes` episodes of 200 rows."""
    tasks = [f"task {number}" for number in range(10)]
    numbers = np.arange(episodes)
    table = {
        "episode_index": numbers,
        "tasks": [[tasks[number % 10]] for number in range(episodes)],
        "length": np.full(episodes, ROWS),
        "dataset_from_index": numbers * ROWS,
        "dataset_to_index": (numbers + 1) * ROWS,
        **write_data(root, episodes),
        **write_videos(root, episodes),
        **statistics(episodes),
        "meta/episodes/chunk_index": numbers * 0,
        "meta/episodes/file_index": numbers * 0,
    }
    path = root / EPISODES.format(**chunk_and_file(0))
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table(table), path)
    write_tasks(root, tasks)
    (root / STATS).write_bytes(json_bytes({}))
    info = {
        "codebase_version": CODEBASE_VERSION,
        "robot_type": "speed",
        "total_episodes": episodes,
        "total_frames": episodes * ROWS,
        "total_tasks": len(tasks),
        "fps": FPS,
        "splits": {"train": f"0:{episodes}"},
        "data_path": DATA,
        "video_path": VIDEO,
        "features": features(),
    }
    (root / INFO).write_bytes(json_bytes(info))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=10_000, help="number of episodes")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    pa.set_cpu_count(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        write_dataset(root, options.episodes)
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        done = delete(root, "0", Path(folder) / "out")
        found = {
            "episodes": options.episodes,
            "rows": options.episodes * ROWS,
            "data_bytes": sum(path.stat().st_size for path in (root / "data").rglob("*.parquet")),
            "delete_s": round(time.perf_counter() - began_s, 2),
            "delete_cpu_s": round(time.process_time() - began_cpu_s, 2),
            "bytes_written": done["bytes_written"],
        }
    print(json.dumps(found) if options.json else "\n".join(f"{name:16s} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
