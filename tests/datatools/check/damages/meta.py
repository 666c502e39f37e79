"""Damage to the metadata: info.json, tasks, statistics, the manifest."""

import json
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import synthetic
from damages.files import Files, rewrite, with_column

INFO = "meta/info.json"
TASKS = "meta/tasks.parquet"
LINES = "meta/episodes.jsonl"
STATS = "meta/stats.json"
MANIFEST = "praxia/manifest.json"


def tasks(files: Files, rng: np.random.Generator) -> None:
    def do(rows: pa.Table) -> pa.Table:
        how = rng.integers(3)
        if how == 0:
            return rows.slice(1)
        return with_column(
            rows, "task_index", pa.array(np.arange(rows.num_rows) + 1 if how == 1 else np.zeros(rows.num_rows, int))
        )

    rewrite(files, TASKS, do)


def info(files: Files, rng: np.random.Generator) -> None:
    """A wrong or missing declaration."""
    value = json.loads(files[INFO])
    features = value["features"]
    camera = f"observation.images.{rng.choice(synthetic.CAMERAS)}"
    changes: list[Callable[[], object]] = [
        lambda: value.update(fps=float(rng.choice([40, 79, 160, 0, -80, 1e300]))),
        lambda: value.update(fps="eighty"),
        lambda: value.update(fps=None),
        lambda: value.update(codebase_version=str(rng.choice(["v9", "", "v1.6"]))),
        lambda: value.update(total_frames=int(value["total_frames"]) + int(rng.choice([1, -1, 10**12]))),
        lambda: value.update(total_episodes=int(rng.choice([0, 5, 7]))),
        lambda: value.update(features={}),
        lambda: value.update(features=[1, 2]),
        lambda: value.pop(str(rng.choice(["features", "fps", "codebase_version", "data_path"]))),
        lambda: value.update(data_path="data/{nothing}.parquet"),
        lambda: features[camera].update(shape=[int(rng.choice([32, 2**40])), 64, 3]),
        lambda: features[camera].update(shape="64x64"),
        lambda: features[camera].pop(str(rng.choice(["dtype", "shape"]))),
        lambda: features[camera].update(info={"video.codec": "theora"}, dtype="video"),
        lambda: features["action"].update(shape=[int(rng.choice([2, 4, 10**12]))]),
        lambda: features["action"].update(dtype="string"),
        lambda: features.update({camera + ".2": features[camera]}),
        lambda: features.update(another={"dtype": "float32", "shape": [1], "names": None}),
        lambda: features.pop("action"),
    ]
    changes[rng.integers(len(changes))]()
    files[INFO] = json.dumps(value).encode()


def lines(files: Files, rng: np.random.Generator) -> None:
    """The episodes of v2.1: one missing, one duplicated, another length, another task, no length."""
    rows = [json.loads(line) for line in files[LINES].splitlines()]
    at = int(rng.integers(len(rows)))
    changes: list[Callable[[], object]] = [
        lambda: rows.pop(at),
        lambda: rows.append(rows[at]),
        lambda: rows[at].update(length=int(rng.choice([0, -4, 1, 30, 10**12, 2**62]))),
        lambda: rows[at].update(length="5"),
        lambda: rows[at].update(tasks=[["fly"], [], None][rng.integers(3)]),
        lambda: rows[at].update(episode_index=int(rng.choice([-1, 6, 10**12]))),
        lambda: rows[at].pop(str(rng.choice(["length", "episode_index", "tasks"]))),
    ]
    changes[rng.integers(len(changes))]()
    files[LINES] = "".join(json.dumps(row) + "\n" for row in rows).encode()


def not_json(files: Files, rng: np.random.Generator) -> None:
    name = str(rng.choice([name for name in files if name.endswith((".json", ".jsonl"))]))
    files[name] = [b"{", b"[]", b"null", b"\xff\xfe", b"7", b"[" * 100_000][rng.integers(6)]


def manifest(files: Files, rng: np.random.Generator) -> None:
    """An entry with a wrong size or episodes; for another writer, a manifest that lists no file."""
    if MANIFEST not in files:
        files[MANIFEST] = json.dumps({"content_sha256": "", "files": {}}).encode()
        return
    value = json.loads(files[MANIFEST])
    entry = value["files"][str(rng.choice(list(value["files"])))]
    name = str(rng.choice(["bytes", "episodes"]))
    wrong = {"bytes": [0, -1, 10**15, "12", None], "episodes": [[0, 10**12], [5], "all", [None, 2], 7]}[name]
    entry[name] = wrong[rng.integers(len(wrong))]
    files[MANIFEST] = json.dumps(value).encode()


def stale_stats(files: Files, rng: np.random.Generator) -> None:
    value = json.loads(files[STATS])
    feature, name = str(rng.choice(["action", "observation.state"])), str(rng.choice(["mean", "std", "min", "max"]))
    how = rng.integers(3)
    if how == 0:
        value[feature][name] = [one + 1 for one in value[feature][name]]
    elif how == 1:
        value[feature][name] = value[feature][name][1:]
    else:
        del value[feature]
    files[STATS] = json.dumps(value).encode()
