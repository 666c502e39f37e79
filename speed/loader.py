"""Loading speed: images and actions from a data set on disk, against bare decoding and the `lerobot` package.

The data set is written by `lerobot` itself with its own settings (AV1, 4:2:0, crf 30, a key frame every second frame):
two cameras of 224 px, the images of `scenes.py`. The data set and the package's environment (8 GB) are created on first
use, in build/. All loaders read windows of one image per camera and 16 future actions, shuffled, in batches of 32 from
2 worker processes, and touch every byte of the images in the main process.

- bare: as many processes as there are workers decode all videos once, sequentially, one thread each, to RGB arrays
  that they touch and discard. Nothing is shuffled and nothing crosses processes. In images per second.
- first epoch: our loader on a copy of the data set without decoded frames. The complete epoch counts, including opening
  the data set; only the workers have been started before, like bare's processes. Decoded frames, 1.8 GB, go into the
  cache on the disk of build/, which must write as fast as the cores decode, or have enough page cache.
- cached: the epochs after that.
- peer: `LeRobotDataset` under torch's DataLoader with the package's own video backend (torchcodec if it loads, else
  pyav), after a few warm-up batches.

They take turns, `--rounds` times: every number is the median with minimum and maximum; ratios are taken within a round.
Memory is the largest of any worker in any round: `mb_per_worker` is ours, minus that of an idle interpreter with the
same modules. `measuring.memory_mb` defines what is counted.

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
from measuring import MemoryMonitor, memory_mb, touch

from praxia.core.process import available_cores
from praxia.core.window import Samples, Window
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
    """The data set, written by the package on first use."""
    root = BUILD.absolute() / "set"
    if not (BUILD / "written").exists():
        shutil.rmtree(BUILD, ignore_errors=True)
        BUILD.mkdir(parents=True)
        request = {"do": "write", "root": str(root), "episodes": EPISODES, "steps": STEPS, "size": SIZE}
        run_inside(python, "lerobot_loads.py", BUILD.absolute(), request)
        (BUILD / "written").touch()
    return root


# Bare decoding


def bare(root: Path) -> float:
    """Images per second of decoding all videos sequentially in WORKERS processes."""
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
    """Samples per second of the first epoch and of later epochs, and the workers' memory."""
    with _fresh(root) as copy, MemoryMonitor() as monitor:
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
        "per_worker": monitor.per_worker,
        "all_workers": monitor.all_workers,
    }


@contextmanager
def _fresh(root: Path) -> Iterator[Path]:
    """A copy of the data set with hard-linked files, while a new folder is the cache of decoded frames."""
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        os.environ["PRAXIA_CACHE"] = str(Path(folder).absolute() / "cache")
        hidden = shutil.ignore_patterns(".*")
        yield Path(shutil.copytree(root, Path(folder) / "set", copy_function=os.link, ignore=hidden))


def _consume(batches: Iterator[tuple[int, Samples]]) -> float:
    """Seconds until the last batch, with every image touched."""
    began_s = time.perf_counter()
    for _, samples in batches:
        assert samples.action is not None
        assert samples.action.shape[:2] == (BATCH, HORIZON)
        for camera in CAMERAS:
            assert samples.images[camera].shape == (BATCH, 1, SIZE, SIZE, 3)
            touch(samples.images[camera])
    return time.perf_counter() - began_s


def idle_mb() -> dict[str, float]:
    """The memory of an idle interpreter that has imported what a worker imports."""
    code = "import praxia.dataloader.loader, praxia.dataloader.mixture, sys; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = memory_mb(process.pid)
        process.communicate()
    return found


# The comparison


def spread(values: list[float], digits: int = 0) -> dict[str, float]:
    rounded = [round(value, digits) for value in (statistics.median(values), min(values), max(values))]
    return dict(zip(("median", "min", "max"), rounded, strict=True))


def peak_mb(rounds: list[dict[str, Any]], kind: str) -> int:
    return round(max(one[kind] for one in rounds))


def summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    idle = idle_mb()
    ours_found = [one["ours"] for one in rounds]
    workers, together = [one["per_worker"] for one in ours_found], [one["all_workers"] for one in ours_found]
    found: dict[str, Any] = {
        "first_epoch_of_bare": spread([len(CAMERAS) * one["ours"]["first"] / one["bare"] for one in rounds], 2),
        "mb_per_worker": peak_mb(workers, "anonymous") - round(idle["anonymous"]),
        "mb_per_worker_with_mapped_files": peak_mb(workers, "private") - round(idle["private"]),
        "mb_all_workers": peak_mb(together, "anonymous"),
        "mb_idle_interpreter": round(idle["anonymous"]),
        "bare_images_per_s": spread([one["bare"] for one in rounds]),
        "first_epoch_samples_per_s": spread([one["first"] for one in ours_found]),
        "cached_samples_per_s": spread([one["cached"] for one in ours_found]),
    }
    peers = [one["peer"] for one in rounds if "peer" in one]
    if peers:
        rates = [one["samples_per_s"] for one in peers]
        found |= {
            "first_epoch_of_peer": spread([a["first"] / b for a, b in zip(ours_found, rates, strict=True)], 1),
            "cached_of_peer": spread([a["cached"] / b for a, b in zip(ours_found, rates, strict=True)], 1),
            "peer_samples_per_s": spread(rates),
            "peer_mb_per_worker": peak_mb([one["mb_per_worker"] for one in peers], "anonymous"),
            "peer_mb_per_worker_with_mapped_files": peak_mb([one["mb_per_worker"] for one in peers], "private"),
            "peer": peers[0]["versions"],
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", choices=("lerobot",), help="also measure this package's loader")
    parser.add_argument("--rounds", type=int, default=3, help="number of measurements of each loader")
    parser.add_argument("--venv", type=Path, default=FOLDER, help="the package's environment, created if missing")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    python = peer(options.venv)
    root = data_set(python)
    request = {"do": "load", "root": str(root), "batch_size": BATCH, "workers": WORKERS, "horizon": HORIZON}
    request |= {"warm_up": PEER_WARM_UP, "batches": PEER_BATCHES}
    rounds = []
    for number in range(options.rounds):
        one: dict[str, Any] = {"bare": bare(root), "ours": ours(root)}
        if options.peer:
            one["peer"] = run_inside(python, "lerobot_loads.py", BUILD.absolute(), dict(request))
        rounds.append(one)
        print(f"round {number + 1}: {one}", file=sys.stderr)
    images = len(CAMERAS) * EPISODES * STEPS
    size = sum(path.stat().st_size for path in (root / "videos").rglob("*.mp4"))
    found = {
        **summary(rounds),
        "images": images,
        "bytes_per_image": round(size / images),
        "pixels": SIZE,
        "batch": BATCH,
        "workers": WORKERS,
        "rounds": options.rounds,
        "cores": available_cores(),
    }
    print(json.dumps(found) if options.json else "\n".join(f"{name:34s} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
