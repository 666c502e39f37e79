"""Checks of what this machine draws: against a stored image, and against the data set's own."""

from pathlib import Path

import av
import numpy as np
from jaxtyping import UInt8

from praxia.core.errors import PraxiaError
from praxia.core.types import EnvSpec, Start
from praxia.evaluate.preflight.episodes import spread_episodes
from praxia.evaluate.preflight.recorded import read_table
from praxia.evaluate.preflight.subject import Finding, Subject

__all__ = ["golden_frame_matches", "read_image", "recorded_frames_match", "write_image"]

# The mean absolute difference of two images, of 255. docs/RESULTS.md ("Preflight") has what was measured: another
# software rasteriser 1.0, the data set's video codec 0.7; a camera off by 2 cm 2.9, another render profile 2.2 to 15.
MAX_DIFFERENCE = 2.0

NUM_IMAGES = 4

Image = UInt8[np.ndarray, "Y X 3"]


def golden_frame_matches(subject: Subject) -> Finding:
    """The family's known image is drawn here as it was where it was stored: bit for bit, or nearly."""
    family = subject.family
    if not subject.cameras:
        return Finding(None, "the policy looks at no camera, so nothing will be drawn for it")
    if family.golden is None:
        return Finding(None, f"no golden image is stored for {family.name}: give its Family one (envs/family.py)")
    stored, drawn = read_image(family.golden.path), family.golden.draw()
    if np.array_equal(stored, drawn):
        return Finding(True, "bit for bit as stored")
    vendors = f"{family.provenance().get('gl_vendor', 'here')} instead of {read_table()['drawn_by'].get(family.name)}"
    return _compared([_difference(stored, drawn)], f"the golden image drawn by {vendors}")


def recorded_frames_match(subject: Subject) -> Finding:
    """The data set's first images of a few episodes look as the benchmark draws them from the same starts.

    Those of the data set went through a video codec, so bits always differ.
    """
    data, cameras = subject.data, subject.cameras
    if not cameras:
        return Finding(None, "the policy looks at no camera, so nothing will be drawn for it")
    if data is None:
        return Finding(None, subject.no_data)
    if not data.written_by_praxia:
        return Finding(None, f"{data.root} was not recorded by praxia: it holds no starts to draw again")
    if missing := [camera for camera in cameras if camera not in data.cameras]:
        return Finding(False, f"{data.root} has no camera {missing[0]!r}, at which the policy looks")
    chosen = spread_episodes(data, subject.benchmark.tasks, NUM_IMAGES, NUM_IMAGES)
    differences = []
    for number in chosen:
        drawn = _drawn(subject, Start(**data.records[number]["start"]), cameras)
        first = data.episodes.first[number : number + 1]
        differences += [_difference(data.decode(camera, first)[0], drawn[camera]) for camera in cameras]
    if not differences:
        return Finding(None, f"no episode of {data.root} succeeded; give another with --data DIR")
    return _compared(differences, f"{len(differences)} first images of {data.root} drawn again")


def _drawn(subject: Subject, start: Start, cameras: tuple[str, ...]) -> dict[str, Image]:
    spec = EnvSpec(start.env, start.task, subject.benchmark.profile, subject.benchmark.size)
    subject.slots.begin(0, spec, start, cameras)
    (progress,) = subject.slots.ready()
    if progress.observation is None:
        raise PraxiaError(f"a recorded start of {start.task} cannot be begun: {progress.error}")
    return dict(progress.observation.images)


def _difference(stored: UInt8[np.ndarray, "_ _ 3"], drawn: UInt8[np.ndarray, "_ _ 3"]) -> float:
    """The mean absolute difference of two images, of 255; infinite where their sizes differ."""
    if stored.shape != drawn.shape:
        return float("inf")
    return float(np.abs(stored.astype(np.float64) - drawn).mean())


def _compared(differences: list[float], what: str) -> Finding:
    worst = max(differences)
    if worst <= MAX_DIFFERENCE:
        return Finding(True, f"{what}: mean absolute difference {worst:.2f} of 255, at most {MAX_DIFFERENCE:g}")
    how = f"differs by {worst:.2f} of 255 in the mean" if np.isfinite(worst) else "has another size"
    return Finding(
        False,
        f"{what} {how}, expected at most {MAX_DIFFERENCE:g}: scene, camera, render profile or graphics differ",
    )


def read_image(path: Path) -> Image:
    """A PNG."""
    with av.open(path) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def write_image(path: Path, image: Image) -> None:
    """`image` as a PNG, which loses nothing."""
    with av.open(path, "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream("png", width=image.shape[1], height=image.shape[0], pix_fmt="rgb24")
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
