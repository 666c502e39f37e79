"""Recording in real time: how long `add` holds the control loop up, how far encoding falls behind, how long a save is.

A robot is played in real time: every control period one frame of every camera, a texture that moves under sensor noise,
which is harder to encode than a rendered scene. The alternative keeps the same frames in memory and encodes them when
the episode has ended (`staging.stage_episode`); what it holds in memory by then stands beside it.

Wall times depend on what else the machine does: `copy_p99_ms` is how long copying a frame takes in the same loop while
nothing is recorded. Processor times hardly do: `add_cpu_p99_ms`, and `cores`, the processor seconds a second of episode
costs in all, from its first frame until it is staged. `encoders` are the images a second that one thread encodes, and
two in all.

    python speed/record.py [--seconds 10] [--json]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from praxia.core.embodiment import Camera, Embodiment, Field
from praxia.core.errors import RecordingError
from praxia.core.process import available_cores
from praxia.core.types import Start
from praxia.data.episode import Episode
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode
from praxia.data.video import encode
from praxia.datatools.record.recorder import Recorder

DIM = 7
DRAWN = 32
FrameReader = Mapping[str, np.ndarray]
SAID = {"instruction": "fold the towel", "task": "fold", "start": Start("speed", "fold", {})}


def robot_of(cameras: int, height: int, width: int, hz: float) -> Embodiment:
    return Embodiment(
        "speed",
        (Field("joints", DIM, "position", "rad"),),
        (Field("joints", DIM, "position", "rad"),),
        tuple(Camera(f"camera{number}", height, width) for number in range(cameras)),
        hz,
    )


def images(camera: Camera, seed: int) -> np.ndarray:
    """`DRAWN` neighbouring images, which a recording goes through forwards and backwards."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[0 : camera.height, 0 : camera.width]
    shape = (camera.height, camera.width, 3)
    colour = np.array([1.0, 0.9, 0.7])
    drawn = [
        (127 + 60 * np.sin((x + 2 * t) / 23) + 50 * np.cos((y - t) / 17))[..., None] * colour + draw.normal(0, 3, shape)
        for t in range(DRAWN)
    ]
    return np.stack(drawn).clip(0, 255).astype(np.uint8)


def there_and_back(frames: int) -> np.ndarray:
    """Which of the drawn images each frame shows."""
    return DRAWN - 1 - abs(np.arange(frames) % (2 * DRAWN - 2) - (DRAWN - 1))


def live(root: Path, embodiment: Embodiment, drawn: FrameReader, frames: int) -> dict[str, Any]:
    """Record in real time."""
    said: list[str] = []
    recorder = Recorder(root, embodiment, {}, log=said.append)
    episode = recorder.episode(0, **SAID)
    numbers = np.zeros(DIM, np.float32)
    states, adding_ms, adding_cpu_ms, refused = [], [], [], None
    began_cpu_s = time.process_time()
    for frame, images in played(embodiment, drawn, frames):
        adding_s, adding_cpu_s = time.perf_counter(), time.thread_time()
        try:
            episode.add(images, numbers, numbers, numbers, 0.0, False, False, frame == frames - 1)
        except RecordingError as error:
            refused = str(error)
            break
        adding_ms.append(1000 * (time.perf_counter() - adding_s))
        adding_cpu_ms.append(1000 * (time.thread_time() - adding_cpu_s))
        states.append(episode.state())
    saving_s = time.perf_counter()
    episode.save()
    return {
        "add_p50_ms": quantile(adding_ms, 0.5),
        "add_p99_ms": quantile(adding_ms, 0.99),
        "add_max_ms": quantile(adding_ms, 1),
        "add_cpu_p99_ms": quantile(adding_cpu_ms, 0.99),
        "cores": round((time.process_time() - began_cpu_s) * embodiment.control_hz / len(states), 2),
        "frames": len(states),
        "most_behind_s": round(max(state.behind_s for state in states), 2),
        "most_at_risk": max(state.at_risk for state in states),
        "most_pictures_on_disk": max(max(state.on_disk.values()) for state in states),
        "save_s": round(time.perf_counter() - saving_s, 2),
        "said": said,
        "refused": refused,
    }


def played(embodiment: Embodiment, drawn: FrameReader, frames: int) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Number and images of each frame, at its time."""
    began_s = time.perf_counter()
    for frame, shown in enumerate(there_and_back(frames)):
        time.sleep(max(0.0, began_s + frame / embodiment.control_hz - time.perf_counter()))
        yield frame, {name: each[shown] for name, each in drawn.items()}


def quantile(values: list[float], level: float) -> float:
    return round(float(np.quantile(values, level)), 2)


def copying(embodiment: Embodiment, drawn: FrameReader, frames: int) -> float:
    """The 99% quantile of the milliseconds in which one frame's images are copied, while nothing is recorded."""
    copying_ms = []
    for _, images in played(embodiment, drawn, frames):
        began_s = time.perf_counter()
        kept = [image.copy() for image in images.values()]
        copying_ms.append(1000 * (time.perf_counter() - began_s))
        assert kept
    return quantile(copying_ms, 0.99)


def encoders(embodiment: Embodiment, drawn: FrameReader) -> dict[str, int]:
    """Images a second, by how many threads encode at once."""

    def rate(threads: int) -> int:
        images = next(iter(drawn.values()))
        began_s = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda _: encode(images, embodiment.control_hz), range(threads)))
        return round(threads * len(images) / (time.perf_counter() - began_s))

    return {str(threads): rate(threads) for threads in (1, 2)}


def at_the_end(root: Path, embodiment: Embodiment, drawn: FrameReader, frames: int) -> dict[str, Any]:
    """Encode when all frames are there."""
    shown = there_and_back(frames)
    images = {name: each[shown] for name, each in drawn.items()}
    numbers, never = np.zeros((frames, DIM), np.float32), np.zeros(frames, bool)
    last = np.arange(frames) == frames - 1
    reward = np.zeros(frames, np.float32)
    episode = Episode(embodiment, images, numbers, numbers, numbers, reward, never, never, last, **SAID)
    begin_recording(root, {})
    began_s = time.perf_counter()
    stage_episode(root, 0, episode)
    return {
        "save_s": round(time.perf_counter() - began_s, 2),
        "memory_mb": round(sum(each.nbytes for each in images.values()) / 1e6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each episode is")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    found: dict[str, Any] = {"cores": available_cores(), "seconds": options.seconds}
    for cameras, height, width, hz in ((2, 224, 224, 30.0), (2, 224, 224, 50.0), (3, 480, 640, 30.0)):
        embodiment, frames = robot_of(cameras, height, width, hz), round(options.seconds * hz)
        drawn = {camera.name: images(camera, number) for number, camera in enumerate(embodiment.cameras)}
        with tempfile.TemporaryDirectory() as folder:
            found[f"{cameras} x {width} x {height} at {hz:.0f} Hz"] = {
                "encoders": encoders(embodiment, drawn),
                "copy_p99_ms": copying(embodiment, drawn, frames),
                "live": live(Path(folder) / "live", embodiment, drawn, frames),
                "at_the_end": at_the_end(Path(folder) / "end", embodiment, drawn, frames),
                "same_files": _same(Path(folder)),
            }
    print(json.dumps(found) if options.json else json.dumps(found, indent=2))


def _same(folder: Path) -> bool:
    """Whether both ways have staged the same bytes."""
    live, end = (sorted((folder / name / ".staging" / "episode-000000").iterdir()) for name in ("live", "end"))
    return [path.read_bytes() for path in live] == [path.read_bytes() for path in end]


if __name__ == "__main__":
    main()
