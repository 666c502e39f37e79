"""Checks of the images that this machine renders: against a stored image, and against those of the data set."""

from pathlib import Path

import av
import numpy as np
from jaxtyping import UInt8

from praxia.core.errors import PraxiaError
from praxia.core.types import Start
from praxia.evaluation.preflight.episodes import spread_episodes
from praxia.evaluation.preflight.setup import (
    REFERENCE,
    PreflightResult,
    PreflightSetup,
    read_reference,
    reference_path,
)

__all__ = ["golden_frame_matches", "read_image", "recorded_frames_match", "write_image"]

# Largest accepted mean absolute difference of two images, of 255. Measured (docs/RESULTS.md, "Preflight"): another
# software rasteriser 1.0, the data set's video codec 0.7; a camera off by 2 cm 2.9, another render profile 2.2 to 15.
MAX_DIFFERENCE = 2.0

NUM_IMAGES = 4

Image = UInt8[np.ndarray, "Y X 3"]


def golden_frame_matches(setup: PreflightSetup) -> PreflightResult:
    """The golden image of the family is rendered here as it was stored, bit for bit or nearly."""
    family = setup.family
    if not setup.cameras:
        return PreflightResult(None, "the policy uses no camera, so nothing is rendered for it")
    if family.golden is None:
        return PreflightResult(
            None, f"no golden image is stored for {family.name}: add one to its EnvFamily (envs/family.py)"
        )
    stored, rendered = read_image(family.golden.path), family.golden.render()
    if np.array_equal(stored, rendered):
        return PreflightResult(True, "identical to the stored image")
    paths = REFERENCE, reference_path(setup.benchmark.untimed.name)
    records = {name: vendor for path in paths for name, vendor in read_reference(path)["drawn_by"].items()}
    vendors = f"{family.provenance().get('gl_vendor', 'here')} instead of {records.get(family.name)}"
    return _compared([_difference(stored, rendered)], f"the golden image rendered by {vendors}")


def recorded_frames_match(setup: PreflightSetup) -> PreflightResult:
    """The first images of a few episodes of the data set look as the benchmark renders them from the same starts.

    The images of the data set passed a video codec, so they are never identical.
    """
    data, cameras = setup.data, setup.cameras
    if not cameras:
        return PreflightResult(None, "the policy uses no camera, so nothing is rendered for it")
    if data is None:
        return PreflightResult(None, setup.no_data)
    if not data.written_by_praxia:
        return PreflightResult(None, f"{data.root} was not recorded by praxia: it has no starts from which to render")
    if missing := [camera for camera in cameras if camera not in data.cameras]:
        return PreflightResult(False, f"{data.root} has no camera {missing[0]!r}, which the policy uses")
    episodes = spread_episodes(data, setup.benchmark.tasks, NUM_IMAGES, NUM_IMAGES)
    differences = []
    for number in episodes:
        rendered = _render(setup, Start(**data.records[number]["start"]), cameras)
        first = data.episodes.first[number : number + 1]
        differences += [_difference(data.decode(camera, first)[0], rendered[camera]) for camera in cameras]
    if not differences:
        return PreflightResult(None, f"no episode of {data.root} succeeded as recorded; name another with --data DIR")
    return _compared(differences, f"{len(differences)} first images of {data.root} rendered again")


def _render(setup: PreflightSetup, start: Start, cameras: tuple[str, ...]) -> dict[str, Image]:
    setup.slots.begin(0, setup.spec_of(start), start, cameras)
    (progress,) = setup.slots.ready()
    if progress.observation is None:
        raise PraxiaError(f"a recorded start of {start.task} cannot be restored: {progress.error}")
    return dict(progress.observation.images)


def _difference(stored: UInt8[np.ndarray, "_ _ 3"], rendered: UInt8[np.ndarray, "_ _ 3"]) -> float:
    """The mean absolute difference of two images, of 255; infinite for different sizes."""
    if stored.shape != rendered.shape:
        return float("inf")
    return float(np.abs(stored.astype(np.float64) - rendered).mean())


def _compared(differences: list[float], what: str) -> PreflightResult:
    worst = max(differences)
    if worst <= MAX_DIFFERENCE:
        return PreflightResult(True, f"{what}: mean absolute difference {worst:.2f} of 255, at most {MAX_DIFFERENCE:g}")
    problem = f"differs by {worst:.2f} of 255 on average" if np.isfinite(worst) else "has another size"
    return PreflightResult(
        False,
        f"{what} {problem}, expected at most {MAX_DIFFERENCE:g}: scene, camera, render profile or graphics differ",
    )


def read_image(path: Path) -> Image:
    """The image in a PNG file."""
    with av.open(path) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def write_image(path: Path, image: Image) -> None:
    """Write `image` as a PNG file, without loss."""
    with av.open(path, "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream("png", width=image.shape[1], height=image.shape[0], pix_fmt="rgb24")
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
