"""Recording in real time: how long `add` blocks the control loop, how far encoding lags, and how long saving takes.

A simulated robot delivers one frame per camera and control period: a texture that moves under sensor noise, which is
harder to encode than a rendered scene. The alternative keeps the same frames in memory and encodes them at the end of
the episode (`staging.stage_episode`); its peak memory is reported with it.

Wall times depend on other load: `copy_p99_ms` is the time to copy a frame in the same loop without recording. CPU times
hardly do: `add_cpu_p99_ms`, and `cores`, the total CPU seconds per second of episode from its first frame until it is
staged. `encoders` is the number of images per second that one thread encodes, and that two encode together.

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
NUM_IMAGES = 32
Images = Mapping[str, np.ndarray]
EPISODE_LABELS = {"instruction": "fold the towel", "task": "fold", "start": Start("speed", "fold", {})}


def robot_of(cameras: int, height: int, width: int, hz: float) -> Embodiment:
    return Embodiment(
        "speed",
        (Field("joints", DIM, "position", "rad"),),
        (Field("joints", DIM, "position", "rad"),),
        tuple(Camera(f"camera{number}", height, width) for number in range(cameras)),
        hz,
    )


def make_images(camera: Camera, seed: int) -> np.ndarray:
    """`NUM_IMAGES` consecutive images, which a recording plays forwards and backwards."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[0 : camera.height, 0 : camera.width]
    shape = (camera.height, camera.width, 3)
    colour = np.array([1.0, 0.9, 0.7])
    images = [
        (127 + 60 * np.sin((x + 2 * t) / 23) + 50 * np.cos((y - t) / 17))[..., None] * colour + draw.normal(0, 3, shape)
        for t in range(NUM_IMAGES)
    ]
    return np.stack(images).clip(0, 255).astype(np.uint8)


def image_indices(frames: int) -> np.ndarray:
    """The index of the image that each frame shows."""
    return NUM_IMAGES - 1 - abs(np.arange(frames) % (2 * NUM_IMAGES - 2) - (NUM_IMAGES - 1))


def live(root: Path, embodiment: Embodiment, sources: Images, frames: int) -> dict[str, Any]:
    """Record one episode in real time."""
    messages: list[str] = []
    recorder = Recorder(root, embodiment, {}, log=messages.append)
    episode = recorder.episode(0, **EPISODE_LABELS)
    numbers = np.zeros(DIM, np.float32)
    states, adding_ms, adding_cpu_ms, refused = [], [], [], None
    began_cpu_s = time.process_time()
    for frame, images in play(embodiment, sources, frames):
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
        "max_lag_s": round(max(state.behind_s for state in states), 2),
        "max_at_risk": max(state.at_risk for state in states),
        "max_images_on_disk": max(max(state.on_disk.values()) for state in states),
        "save_s": round(time.perf_counter() - saving_s, 2),
        "messages": messages,
        "refused": refused,
    }


def play(embodiment: Embodiment, sources: Images, frames: int) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """The index and the images of each frame, at its time."""
    began_s = time.perf_counter()
    for frame, shown in enumerate(image_indices(frames)):
        time.sleep(max(0.0, began_s + frame / embodiment.control_hz - time.perf_counter()))
        yield frame, {name: each[shown] for name, each in sources.items()}


def quantile(values: list[float], level: float) -> float:
    return round(float(np.quantile(values, level)), 2)


def copying(embodiment: Embodiment, sources: Images, frames: int) -> float:
    """The 99% quantile of the milliseconds to copy the images of one frame, without recording."""
    copying_ms = []
    for _, images in play(embodiment, sources, frames):
        began_s = time.perf_counter()
        copies = [image.copy() for image in images.values()]
        copying_ms.append(1000 * (time.perf_counter() - began_s))
        assert copies
    return quantile(copying_ms, 0.99)


def encoders(embodiment: Embodiment, sources: Images) -> dict[str, int]:
    """Images per second by number of encoding threads."""

    def rate(threads: int) -> int:
        images = next(iter(sources.values()))
        began_s = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda _: encode(images, embodiment.control_hz), range(threads)))
        return round(threads * len(images) / (time.perf_counter() - began_s))

    return {str(threads): rate(threads) for threads in (1, 2)}


def at_the_end(root: Path, embodiment: Embodiment, sources: Images, frames: int) -> dict[str, Any]:
    """Encode after the last frame."""
    shown = image_indices(frames)
    images = {name: each[shown] for name, each in sources.items()}
    numbers, never = np.zeros((frames, DIM), np.float32), np.zeros(frames, bool)
    last = np.arange(frames) == frames - 1
    reward = np.zeros(frames, np.float32)
    episode = Episode(embodiment, images, numbers, numbers, numbers, reward, never, never, last, **EPISODE_LABELS)
    begin_recording(root, {})
    began_s = time.perf_counter()
    stage_episode(root, 0, episode)
    return {
        "save_s": round(time.perf_counter() - began_s, 2),
        "memory_mb": round(sum(each.nbytes for each in images.values()) / 1e6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each episode")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    found: dict[str, Any] = {"cores": available_cores(), "seconds": options.seconds}
    for cameras, height, width, hz in ((2, 224, 224, 30.0), (2, 224, 224, 50.0), (3, 480, 640, 30.0)):
        embodiment, frames = robot_of(cameras, height, width, hz), round(options.seconds * hz)
        sources = {camera.name: make_images(camera, number) for number, camera in enumerate(embodiment.cameras)}
        with tempfile.TemporaryDirectory() as folder:
            found[f"{cameras} x {width} x {height} at {hz:.0f} Hz"] = {
                "encoders": encoders(embodiment, sources),
                "copy_p99_ms": copying(embodiment, sources, frames),
                "live": live(Path(folder) / "live", embodiment, sources, frames),
                "at_the_end": at_the_end(Path(folder) / "end", embodiment, sources, frames),
                "same_files": _staged_equal(Path(folder)),
            }
    print(json.dumps(found) if options.json else json.dumps(found, indent=2))


def _staged_equal(folder: Path) -> bool:
    """Whether both alternatives staged the same bytes."""
    live, end = (sorted((folder / name / ".staging" / "episode-000000").iterdir()) for name in ("live", "end"))
    return [path.read_bytes() for path in live] == [path.read_bytes() for path in end]


if __name__ == "__main__":
    main()
