"""How fast images and actions come out of a data set on disk, against bare decoding and the `lerobot` package.

One data set, written by `lerobot` itself with its own settings (AV1, 4:2:0, crf 30, a key frame every second frame):
two cameras of 224 px, the images of `scenes.py`. It and the package's environment (8 GB) are made on first use, in
build/. Everybody reads windows of one image a camera and 16 actions ahead, shuffled, in batches of 32 from 2 worker
processes, and touches every byte of the images in the process that asked for them.

- bare: as many processes as there are workers decode all videos once, straight through, one thread each, to RGB
  arrays that they touch and forget. Nothing is shuffled, nothing goes to another process. Images a second.
- first epoch: our loader on a copy of the data set of which nothing is decoded yet. The whole epoch counts, and the
  opening of the data set; only the workers have been started before, as bare's processes have. What is decoded, 1.8
  GB, goes into the cache on the disk of build/: it must take what the cores decode, or lie behind enough memory.
- cached: its epochs after that.
- peer: `LeRobotDataset` under torch's DataLoader with the package's own video backend (torchcodec where that loads,
  else pyav), after some batches to warm up.

They take turns, `--rounds` times: every number is the median, with the least and the most; ratios are taken within a
round. Memory is the largest of any worker in any round: `mb_a_worker` of ours, without what an idle interpreter with
the same modules has. `measuring.memory_mb` says what is counted.

    python speed/loader.py [--peer lerobot] [--rounds 3] [--json]
"""

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import av
from av.video.reformatter import VideoReformatter
from measuring import Watch, memory_mb, touch

from praxia.core.process import available_cores
from praxia.core.types import Samples, Window
from praxia.data.dataset import Dataset
from praxia.dataloader.loader import Loader
from praxia.dataloader.mixture import Mixture
from praxia.dataloader.windows import Windows

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "peers"))

from lerobot_environment import FOLDER, peer, run_inside

BUILD = Path("build/speed-loader")
EPISODES, STEPS, SIZE, CAMERAS = 40, 150, 224, ("front", "wrist")
BATCH, WORKERS, HORIZON = 32, 2, 16
WINDOW = Window({**{f"image.{camera}": (0,) for camera in CAMERAS}, "state": (0,)}, HORIZON)
CACHED_S, START_S = 10.0, 3.0
PEER_WARM_UP, PEER_BATCHES = 8, 60
SPAWN = multiprocessing.get_context("spawn")


def data_set(python: Path) -> Path:
    """The data set, written by the package if it is not there yet."""
    root = BUILD.absolute() / "set"
    if not (BUILD / "written").exists():
        shutil.rmtree(BUILD, ignore_errors=True)
        BUILD.mkdir(parents=True)
        ask = {"do": "write", "root": str(root), "episodes": EPISODES, "steps": STEPS, "size": SIZE}
        run_inside(python, "lerobot_loads.py", BUILD.absolute(), ask)
        (BUILD / "written").touch()
    return root


# Bare decoding


def bare(root: Path) -> float:
    """Images a second of all videos, straight through, by WORKERS processes."""
    videos = sorted((root / "videos").rglob("*.mp4"), key=lambda path: path.stat().st_size, reverse=True)
    together, answers = SPAWN.Barrier(WORKERS), SPAWN.SimpleQueue()
    shares = [(videos[first::WORKERS], together, answers) for first in range(WORKERS)]
    processes = [SPAWN.Process(target=_decode, args=share) for share in shares]
    for process in processes:
        process.start()
    found = [answers.get() for _ in processes]
    for process in processes:
        process.join()
    images, began_s, ended_s = zip(*found, strict=True)
    return sum(images) / (max(ended_s) - min(began_s))


def _decode(videos: list[Path], together: Barrier, answers: Any) -> None:
    together.wait()
    began_s, images = time.monotonic(), 0
    for path in videos:
        with av.open(str(path)) as container:
            stream, converter = container.streams.video[0], VideoReformatter()
            stream.codec_context.thread_count = 1
            for frame in container.decode(stream):
                touch(converter.reformat(frame, format="rgb24").to_ndarray())
                images += 1
    answers.put((images, began_s, time.monotonic()))


# Ours


def ours(root: Path) -> dict[str, Any]:
    """Samples a second of a first epoch and of the epochs after it, and what the workers took."""
    with _fresh(root) as copy, Watch() as watch:
        opening_s = time.perf_counter()
        dataset = Dataset(copy)
        source = Mixture([Windows(dataset, WINDOW, range(dataset.num_episodes))])
        opening_s = time.perf_counter() - opening_s
        epoch = len(source) // BATCH
        with Loader(source, seed=0, batch_size=BATCH, workers=WORKERS) as loader:
            time.sleep(START_S)
            first_s = opening_s + _consume(loader.batches(0, epoch))
            once_s = _consume(loader.batches(epoch, 2 * epoch))
            more = max(1, round(CACHED_S / once_s))
            cached_s = _consume(loader.batches(2 * epoch, (2 + more) * epoch))
    samples = epoch * BATCH
    return {
        "first": samples / first_s,
        "cached": more * samples / cached_s,
        "a_worker": watch.a_worker,
        "all_workers": watch.all_workers,
    }


@contextmanager
def _fresh(root: Path) -> Iterator[Path]:
    """The data set under another name, its files shared, without what anyone decoded of it before."""
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        hidden = shutil.ignore_patterns(".*")
        yield Path(shutil.copytree(root, Path(folder) / "set", copy_function=os.link, ignore=hidden))


def _consume(batches: Iterator[tuple[int, Samples]]) -> float:
    """Seconds to the last of the batches, their images touched."""
    began_s = time.perf_counter()
    for _, samples in batches:
        assert samples.action is not None
        assert samples.action.shape[:2] == (BATCH, HORIZON)
        for camera in CAMERAS:
            assert samples.images[camera].shape == (BATCH, 1, SIZE, SIZE, 3)
            touch(samples.images[camera])
    return time.perf_counter() - began_s


def idle_mb() -> dict[str, float]:
    """The memory of an interpreter that has imported what a worker imports, and waits."""
    waiting = "import praxia.dataloader.loader, praxia.dataloader.mixture, sys; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", waiting]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = memory_mb(process.pid)
        process.communicate()
    return found


# The comparison


def spread(values: list[float], digits: int = 0) -> dict[str, float]:
    rounded = [round(value, digits) for value in (statistics.median(values), min(values), max(values))]
    return dict(zip(("median", "least", "most"), rounded, strict=True))


def peak_mb(rounds: list[dict[str, Any]], kind: str) -> int:
    return round(max(one[kind] for one in rounds))


def summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    idle = idle_mb()
    mine = [one["ours"] for one in rounds]
    workers, together = [one["a_worker"] for one in mine], [one["all_workers"] for one in mine]
    found: dict[str, Any] = {
        "first_epoch_of_bare": spread([len(CAMERAS) * one["ours"]["first"] / one["bare"] for one in rounds], 2),
        "mb_a_worker": peak_mb(workers, "held") - round(idle["held"]),
        "mb_a_worker_with_mapped_files": peak_mb(workers, "unique") - round(idle["unique"]),
        "mb_all_workers": peak_mb(together, "held"),
        "mb_idle_interpreter": round(idle["held"]),
        "bare_pictures_per_s": spread([one["bare"] for one in rounds]),
        "first_epoch_samples_per_s": spread([one["first"] for one in mine]),
        "cached_samples_per_s": spread([one["cached"] for one in mine]),
    }
    theirs = [one["peer"] for one in rounds if "peer" in one]
    if theirs:
        rates = [one["samples_per_s"] for one in theirs]
        found |= {
            "first_epoch_of_peer": spread([a["first"] / b for a, b in zip(mine, rates, strict=True)], 1),
            "cached_of_peer": spread([a["cached"] / b for a, b in zip(mine, rates, strict=True)], 1),
            "peer_samples_per_s": spread(rates),
            "peer_mb_a_worker": peak_mb([one["mb_a_worker"] for one in theirs], "held"),
            "peer_mb_a_worker_with_mapped_files": peak_mb([one["mb_a_worker"] for one in theirs], "unique"),
            "peer": theirs[0]["versions"],
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", choices=("lerobot",), help="measure this package's loader too")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--venv", type=Path, default=FOLDER, help="the package's environment, made if it is not there")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    python = peer(options.venv)
    root = data_set(python)
    ask = {"do": "load", "root": str(root), "batch_size": BATCH, "workers": WORKERS, "horizon": HORIZON}
    ask |= {"warm_up": PEER_WARM_UP, "batches": PEER_BATCHES}
    rounds = []
    for number in range(options.rounds):
        one: dict[str, Any] = {"bare": bare(root), "ours": ours(root)}
        if options.peer:
            one["peer"] = run_inside(python, "lerobot_loads.py", BUILD.absolute(), dict(ask))
        rounds.append(one)
        print(f"round {number + 1}: {one}", file=sys.stderr)
    images = len(CAMERAS) * EPISODES * STEPS
    size = sum(path.stat().st_size for path in (root / "videos").rglob("*.mp4"))
    found = {
        **summary(rounds),
        "pictures": images,
        "bytes_a_picture": round(size / images),
        "pixels": SIZE,
        "batch": BATCH,
        "workers": WORKERS,
        "rounds": options.rounds,
        "cores": available_cores(),
    }
    print(json.dumps(found) if options.json else "\n".join(f"{name:34s} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
