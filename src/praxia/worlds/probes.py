"""Fits what a world's latents tell on recorded episodes, measures it on others, and stores it beside the world.

Axes: W windows, K imagined timesteps, F numbers of a latent, S state dims, M samples.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64
from safetensors.torch import load_file, save_file

from praxia.core.errors import DataError, MismatchError
from praxia.core.files import sha256_file, staged_folder
from praxia.core.keys import canonical_json, content_key
from praxia.core.types import Observation, Query
from praxia.core.window import Samples, Window
from praxia.data.dataset import Dataset
from praxia.data.generation import generations
from praxia.dataloader.windows import Windows
from praxia.nn.world import World
from praxia.worlds.probe import StateProbe, SuccessDetector

__all__ = ["Probes", "find_probes", "fit_probes"]

# Increased whenever the same data give other probes.
VERSION = 1

# Windows of each data set, evenly spaced, how far each is imagined, and how many a world sees at once.
NUM_WINDOWS, NUM_BLOCKS, BATCH = 1024, 5, 128

# One episode in so many is measured on, and not fitted.
HELD_OUT = 10

# Numbers of a latent, beyond which a linear probe takes minutes and gigabytes.
MOST_NUMBERS = 8192

SUCCESS = "next.success"


@dataclass(frozen=True)
class Probes:
    """What is read off a world's latents: its `Observer` and its `Detector` (None: of data without known success).

    `measured` is what `fit_probes` found on episodes that were not fitted, and `sha256` covers all of it, the world and
    the data.
    """

    state: StateProbe
    success: SuccessDetector | None
    measured: Mapping[str, Any]
    sha256: str


_ARRAYS = ("latent", "state", "success", "block", "imagined")


@dataclass(frozen=True)
class _Labelled:
    """Latents of timesteps `block` strides after the present of a window, seen or `imagined`, with the truth about
    them. Success is known of those after the present alone.
    """

    latent: Float32[np.ndarray, "M F"]
    state: Float32[np.ndarray, "M S"]
    success: Bool[np.ndarray, " M"]
    block: Int64[np.ndarray, " M"]
    imagined: Bool[np.ndarray, " M"]
    observed: tuple[Observation, ...]

    def where(self, chosen: Bool[np.ndarray, " M"]) -> "_Labelled":
        observed = tuple(self.observed[row] for row in np.flatnonzero(chosen))
        arrays = {name: getattr(self, name)[chosen] for name in _ARRAYS}
        return _Labelled(**arrays, observed=observed)


def find_probes(folder: Path, world: World, world_sha256: str, datasets: Sequence[Dataset]) -> Probes:
    """The probes of `world`, which lies in `folder`, on these data: stored there in `probes/KEY`, or fitted now.

    Raises:
        DataError: what is stored is damaged. Also as `fit_probes`.
    """
    key = content_key([VERSION, world_sha256, [one.content_hash for one in datasets]])
    place = folder / "probes" / key
    if not (place / "probes.json").is_file():
        about = {"version": VERSION, "world_sha256": world_sha256, "data": [one.content_hash for one in datasets]}
        _save(place, fit_probes(world, datasets), about)
    return _load(place)


def fit_probes(world: World, datasets: Sequence[Dataset]) -> tuple[StateProbe, SuccessDetector | None, dict[str, Any]]:
    """Fit on nine episodes in ten of each data set, on latents of seen and of imagined timesteps, and measure on the
    rest.

    Returns the probe of the state, the detector (None where success is not recorded), and {state_r2, detector}.
    `state_r2` is the R^2 of the dims that change, of seen timesteps and of those imagined after 1 to 5 strides of the
    executed actions. `detector` has {timesteps, done, false_positive, false_negative} of "seen" and "imagined"
    ones: shares of those where the task is not done, and where it is, that it gets wrong.

    Raises:
        MismatchError: the data are of another embodiment than the world, or dreamed; they have no failure, or no
            success; latents of too many numbers.
    """
    for dataset in datasets:
        _expect_measured(world, dataset)
    varies = np.any([_varies(dataset) for dataset in datasets], axis=0)
    known = all(SUCCESS in dataset.info["features"] for dataset in datasets)
    fitted, others = (
        _joined([_labelled(world, one, known, held_out) for one in datasets]) for held_out in (False, True)
    )
    probe = StateProbe.fit(fitted.latent, fitted.state, varies)
    detector = None
    if known:
        after = fitted.where(fitted.block > 0)
        detector = SuccessDetector.fit(probe, after.latent, after.observed, after.success)
    return probe, detector, _measured(probe, detector, others)


def _measured(probe: StateProbe, detector: SuccessDetector | None, data: _Labelled) -> dict[str, Any]:
    found = probe(torch.from_numpy(data.latent)[:, None], torch.from_numpy(data.state)).numpy()
    varies = probe.varies.numpy()

    def r2(chosen: Bool[np.ndarray, " M"]) -> float | None:
        truth = data.state[chosen][:, varies].astype(np.float64)
        spread = ((truth - truth.mean(0)) ** 2).sum() if len(truth) else 0.0
        return float(1 - ((truth - found[chosen][:, varies]) ** 2).sum() / spread) if spread > 0 else None

    imagined = [r2(data.imagined & (data.block == at + 1)) for at in range(NUM_BLOCKS)]
    result: dict[str, Any] = {"state_r2": {"seen": r2(~data.imagined), "imagined": imagined}}
    if detector is not None:
        pairs = {"seen": ~data.imagined & (data.block > 0), "imagined": data.imagined}
        result["detector"] = {name: _mistakes(detector, data.where(chosen)) for name, chosen in pairs.items()}
    return result


def _mistakes(detector: SuccessDetector, data: _Labelled) -> dict[str, Any]:
    found = detector.detect(torch.from_numpy(data.latent)[:, None], data.observed).numpy()
    done = data.success
    return {
        "timesteps": len(done),
        "done": int(done.sum()),
        "false_positive": float(found[~done].mean()) if not done.all() else None,
        "false_negative": float((~found[done]).mean()) if done.any() else None,
    }


def _expect_measured(world: World, dataset: Dataset) -> None:
    """Refuse data of another embodiment, and dreams, whose truth is what probes said before."""
    if (generations(dataset) > 0).any():
        raise MismatchError(
            f"expected recorded episodes to fit probes on, got dreams in {dataset.root}: leave them out"
        )
    ours, theirs = world.embodiment, dataset.embodiment
    if (ours.state, ours.action, ours.control_hz) != (theirs.state, theirs.action, theirs.control_hz):
        raise MismatchError(
            f"the world is of embodiment {ours.name!r}, and {dataset.root} has {theirs.name!r} with another state,"
            " action or rate: give data of what the world was trained on"
        )


def _varies(dataset: Dataset) -> Bool[np.ndarray, " S"]:
    """Which dims of the state change within an episode."""
    state, first = dataset.column("observation.state"), dataset.episodes.first
    low, high = np.minimum.reduceat(state, first), np.maximum.reduceat(state, first)
    return np.asarray((high > low).any(0))


def _labelled(world: World, dataset: Dataset, known: bool, held_out: bool) -> _Labelled:
    """Every timestep of some windows: as seen, and as imagined from the window's present."""
    numbers = np.arange(dataset.num_episodes)
    last = min(HELD_OUT, len(numbers)) - 1
    chosen = numbers[(numbers % HELD_OUT == last) == held_out]
    if len(chosen) == 0:
        raise MismatchError(f"expected at least two episodes of {dataset.root}, to fit and to measure, got one")
    images = {name: at for name, at in world.window.observation_steps.items() if name.startswith("image.")}
    later = tuple(world.stride * (block + 1) for block in range(NUM_BLOCKS))
    window = Window(
        {**dict.fromkeys(images, (0,)), "state": (0,)},
        later[-1],
        {**dict.fromkeys(images, later), "state": later},
        extras=(SUCCESS,) if known else (),
        executed=True,
    )
    windows = Windows(dataset, window, chosen)
    rows = np.linspace(0, len(windows) - 1, min(len(windows), NUM_WINDOWS)).astype(np.int64)
    parts = [_of_windows(world, windows.read(rows[at : at + BATCH]), known) for at in range(0, len(rows), BATCH)]
    return _joined([part for some in parts for part in some])


@torch.no_grad()
def _of_windows(world: World, samples: Samples, known: bool) -> list[_Labelled]:
    assert samples.action is not None
    assert samples.target_state is not None
    assert samples.target_state_valid is not None
    size = len(samples.action)
    present = [_query(samples, row, None) for row in range(size)]
    state = world.start(present)
    num_in = state.latent[0].numel()
    if num_in > MOST_NUMBERS:
        raise MismatchError(
            f"expected latents of at most {MOST_NUMBERS} numbers to probe, got {num_in}: use a world with fewer tokens"
            " (`pooled`)"
        )
    imagined = world.imagine(state, torch.from_numpy(samples.action)).latents.flatten(2).float().cpu().numpy()
    seen = state.latent.flatten(1).float().cpu().numpy()
    observed = [query.history[-1] for query in present]
    never = np.zeros(size, bool)
    found = [_Labelled(seen, samples.state[:, -1], never, np.zeros(size, np.int64), never, tuple(observed))]
    for at in range(NUM_BLOCKS):
        valid = samples.target_state_valid[:, at]
        queries = [_query(samples, row, at) for row in np.flatnonzero(valid).tolist()]
        if not queries:
            continue
        later = world.start(queries).latent.flatten(1).float().cpu().numpy()
        done = never
        if known:
            done = samples.extras[SUCCESS][:, world.stride * (at + 1) - 1, 0].astype(bool)
        about = tuple(query.history[-1] for query in queries)
        truth = (samples.target_state[valid, at], done[valid], np.full(len(later), at + 1))
        for latent, is_imagined in ((later, False), (imagined[valid, at], True)):
            found.append(_Labelled(latent, *truth, np.full(len(later), is_imagined), about))
    return found


def _query(samples: Samples, row: int, at: int | None) -> Query:
    """The present of a window, or its later timestep number `at`, as a query about it alone."""
    images, states = (
        (samples.images, samples.state[row, -1])
        if at is None
        else (samples.target_images, samples.target_state[row, at] if samples.target_state is not None else None)
    )
    frames = {name: one[row, -1 if at is None else at] for name, one in images.items()}
    assert states is not None
    return Query((Observation(frames, states, samples.instruction[row], 0.0),), str(row), 0, row)


def _joined(parts: Sequence[_Labelled]) -> _Labelled:
    arrays = {name: np.concatenate([getattr(one, name) for one in parts]) for name in _ARRAYS}
    return _Labelled(**arrays, observed=tuple(one for part in parts for one in part.observed))


def _save(
    place: Path, found: tuple[StateProbe, SuccessDetector | None, dict[str, Any]], about: Mapping[str, Any]
) -> None:
    probe, detector, measured = found
    place.parent.mkdir(exist_ok=True)
    with staged_folder(place) as stage:
        weights = stage / "probes.safetensors"
        save_file(dict((detector or probe).state_dict()), weights)
        value = {
            **about,
            "sizes": list(probe.weight.shape),
            "instructions": None if detector is None else list(detector.instructions),
            "measured": measured,
            "weights_sha256": sha256_file(weights),
        }
        (stage / "probes.json").write_text(json.dumps({**value, "sha256": _sha256(value)}, indent=1))


def _load(place: Path) -> Probes:
    weights, value = place / "probes.safetensors", _intact(place)
    if value is None:
        raise DataError(f"{place} is damaged; remove that folder, and it is fitted again")
    probe, texts = StateProbe(*value["sizes"]), value["instructions"]
    detector = None if texts is None else SuccessDetector(probe, texts)
    (detector or probe).load_state_dict(load_file(weights))
    if detector is not None:
        detector.requires_grad_(False).eval()
    return Probes(probe, detector, value["measured"], value["sha256"])


def _intact(place: Path) -> dict[str, Any] | None:
    """The description of stored probes; None: it, or the weights, are not what was saved."""
    try:
        value = json.loads((place / "probes.json").read_text())
        known = {name: one for name, one in value.items() if name != "sha256"}
        weights_sha256 = sha256_file(place / "probes.safetensors")
        return value if (value["sha256"], value["weights_sha256"]) == (_sha256(known), weights_sha256) else None
    except (OSError, ValueError, KeyError, AttributeError):
        return None


def _sha256(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
