"""How a world's imagined future differs from the recorded one: errors over time, and images of both.

Axes: M frames of an episode, `World.stride` apart; K imagined blocks; F numbers of a latent; P pixels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64, UInt8

from praxia.checkpoint.store import load_world, read_config
from praxia.core.errors import DataError, MismatchError
from praxia.core.keys import generator
from praxia.core.types import Observation, Query
from praxia.core.window import Window
from praxia.data.episode import format_episodes
from praxia.evaluation.held_out import find_training
from praxia.evaluation.recorded import RecordedEpisodes, open_recorded
from praxia.nn.device import find_device
from praxia.nn.world import Decodes, World, WorldState

__all__ = ["SCHEMA", "Imagination", "ImaginedVideo", "frame_latents", "frame_queries", "imagine_episodes"]

SCHEMA = "praxia.imagined.v1"

# How many rows a world has at once; frames of other episodes among which the nearest are found; episodes of which there
# are videos, the first ones.
BATCH, GALLERY, VIDEOS = 128, 2048, 4
RESAMPLES = 2000

_SUMS = ("imagined", "unchanged", "starts")

Images = UInt8[np.ndarray, "_ _ _ 3"]


@dataclass(frozen=True)
class ImaginedVideo:
    """What one camera saw in an episode, from its first frame on at every stride, and what was imagined there."""

    episode: int
    camera: str
    real: Images
    imagined: Images


@dataclass(frozen=True)
class Imagination:
    """`result` is a JSON value, `videos` are at `rate_hz` images a second."""

    result: dict[str, Any]
    videos: tuple[ImaginedVideo, ...]
    rate_hz: float


@dataclass(frozen=True)
class _Errors:
    """Sums of an episode over its starts, by block, and the number of starts. Pixels: None where nothing decodes."""

    imagined: Float64[np.ndarray, " K"]
    unchanged: Float64[np.ndarray, " K"]
    starts: Float64[np.ndarray, " K"]
    pixels: Float64[np.ndarray, "K 2"] | None
    drawn: float | None


def imagine_episodes(
    world_path: Path,
    data: str,
    *,
    episodes: str | None = None,
    num_blocks: int = 10,
    device: str | None = None,
    notice: Callable[[str], None] = lambda text: None,
) -> Imagination:
    """Imagine the recorded actions of `data` in the world at `world_path`, and compare with what was recorded.

    `data` and `episodes` are as in `evaluation.recorded.open_recorded`; None are the episodes that the world's training
    held out of these data, else all, and `notice(line)` says which. A world starts from one frame, at every stride of
    an episode, and goes on for up to `num_blocks` strides with the actions that were executed.

    The result has "blocks", one {block, seconds, starts, of_unchanged, ci95, pixel_rmse, pixel_rmse_unchanged} for each
    number of strides that some episode is long enough for. `of_unchanged` is the mean squared error of the imagined
    latents as a share of that of the baseline that nothing changes, with a bootstrap interval over episodes (None: one
    episode, or nothing changes). `pixel_rmse` is out of 255, over all cameras and starts; None for a world that does
    not decode. `decoder_rmse` is that of the real frames' own latents, which no prediction can be expected to beat.

    Videos begin at the first frame of the first episodes. "shows" says what is imagined in them: "decoded" images, or
    the "nearest" frames of others of these episodes by their latents; None, without videos, where there is no other.

    Raises:
        PraxiaError: no world there, or as `open_recorded`. DataError: no episode is as long as a stride.
        MismatchError: a world that sees more than images, data that are read as video, or as `open_recorded`.
    """
    config, identity = read_config(world_path)
    world, _ = load_world(world_path, find_device(device))
    if others := [name for name in world.window.observation_steps if not name.startswith("image.")]:
        raise MismatchError(f"expected a world that sees images alone, got one that sees {others[0]!r}, too")
    images = dict.fromkeys((f"image.{camera}" for camera in world.window.cameras), (0,))
    window = Window(images, num_blocks * world.stride, executed=True)
    recorded = open_recorded(config, data, episodes, window=window, successful=False)
    if not recorded.windows.view.actions:
        raise MismatchError(
            f'expected recorded actions to imagine, got {data}, which reads them as video: leave out "actions": false'
        )
    if episodes is None:
        recorded = _held_out(recorded, config.provenance, notice)
    chosen = [one for one in recorded.episodes if recorded.length(one) > world.stride]
    if not chosen:
        raise DataError(f"expected an episode of more than {world.stride} frames in {data}, got none")
    errors = {one: _episode_errors(world, recorded, one, num_blocks) for one in chosen}
    videos, shows = _videos(world, recorded, chosen[:VIDEOS], num_blocks)
    dataset = recorded.windows.dataset
    seconds = world.stride / world.embodiment.control_hz
    drawn = [one.drawn for one in errors.values() if one.drawn is not None]
    result = {
        "schema": SCHEMA,
        "world": str(world_path),
        "model": config.model.tag,
        **identity.to_json(),
        "data": dataset.identity,
        "episodes": format_episodes(chosen),
        "stride": world.stride,
        "control_hz": world.embodiment.control_hz,
        "shows": shows,
        "decoder_rmse": float(np.sqrt(np.mean(drawn))) if drawn else None,
        "blocks": _blocks(list(errors.values()), seconds),
    }
    return Imagination(result, videos, 1 / seconds)


def _held_out(
    recorded: RecordedEpisodes, provenance: Mapping[str, Any], notice: Callable[[str], None]
) -> RecordedEpisodes:
    """The episodes that training held out, where the world was trained on these data and held some out."""
    training = find_training(provenance, recorded.windows.dataset)
    if training is None:
        return recorded
    held_out = [one for one in recorded.episodes if one in training.held_out]
    if not held_out:
        notice("the world was trained on these data and held nothing out: the errors are those on what it has seen")
        return recorded
    notice(f"imagining the {len(held_out)} episodes that training held out ({format_episodes(held_out)})")
    return replace(recorded, windows=recorded.windows.of_episodes(np.array(held_out)))


@torch.no_grad()
def frame_latents(world: World, images: Mapping[str, Images]) -> Float64[np.ndarray, "M F"]:
    """The latent of each frame, seen alone, all tokens as one vector."""
    number = len(next(iter(images.values())))
    parts = [range(at, min(at + BATCH, number)) for at in range(0, number, BATCH)]
    found = [world.start(frame_queries(world, images, part)).latent.flatten(1) for part in parts]
    return torch.cat(found).double().cpu().numpy()


def frame_queries(world: World, images: Mapping[str, Images], rows: Sequence[int]) -> list[Query]:
    """The queries of some frames, each seen alone, without what a latent world does not see."""
    state = np.zeros(world.embodiment.state_dim, np.float32)
    seen = [Observation({name: one[row] for name, one in images.items()}, state, "", 0.0) for row in rows]
    return [Query((one,), str(row), 0, at) for at, (row, one) in enumerate(zip(rows, seen, strict=True))]


@torch.no_grad()
def _episode_errors(world: World, recorded: RecordedEpisodes, episode: int, num_blocks: int) -> _Errors:
    frames, actions = _read(world, recorded, episode)
    latents = frame_latents(world, frames)
    number = min(num_blocks, len(latents) - 1)
    decodes = isinstance(world, Decodes)
    sums, pixels, drawn = np.zeros((3, num_blocks)), np.zeros((num_blocks, 2)), 0.0
    for first in range(0, len(latents), BATCH):
        rows = np.arange(first, min(first + BATCH, len(latents)))
        state = world.start(frame_queries(world, frames, rows.tolist()))
        drawn += sum(_pixel_error(world.decode(state), frames, rows)) if decodes else 0.0
        for block in range(number):
            ahead = actions[rows][:, block * world.stride : (block + 1) * world.stride]
            imagined = world.imagine(state, torch.from_numpy(ahead).to(state.latent.device))
            state, later = imagined.state, rows + block + 1
            within = later < len(latents)
            guess = state.latent.flatten(1).double().cpu().numpy()[within]
            real, now = latents[later[within]], latents[rows[within]]
            sums[:, block] += [((guess - real) ** 2).mean(1).sum(), ((now - real) ** 2).mean(1).sum(), within.sum()]
            if decodes and within.any():
                shown = {name: one[within] for name, one in world.decode(state).items()}
                present = {name: one[rows[within]] for name, one in frames.items()}
                pixels[block] += [sum(_pixel_error(one, frames, later[within])) for one in (shown, present)]
    seen = (pixels, drawn / len(latents)) if decodes else (None, None)
    return _Errors(sums[0], sums[1], sums[2], *seen)


def _read(
    world: World, recorded: RecordedEpisodes, episode: int
) -> tuple[dict[str, Images], Float32[np.ndarray, "M H A"]]:
    """The frames of an episode at every stride, and the actions that follow each of them."""
    samples = recorded.read(episode, np.arange(0, recorded.length(episode), world.stride))
    assert samples.action is not None
    return {name: one[:, 0] for name, one in samples.images.items()}, samples.action


def _pixel_error(
    shown: Mapping[str, Images], frames: Mapping[str, Images], rows: Int64[np.ndarray, " R"]
) -> list[float]:
    """The mean squared error of each image beside the frames `rows`, averaged over cameras."""
    errors = [((one.astype(np.float64) - frames[name][rows]) ** 2).mean((1, 2, 3)) for name, one in shown.items()]
    return np.mean(errors, axis=0).tolist()


def _blocks(errors: Sequence[_Errors], seconds: float) -> list[dict[str, Any]]:
    """The rows of the result."""
    imagined, unchanged, starts = (np.stack([getattr(one, name) for one in errors]) for name in _SUMS)
    drawn = generator("imagined", len(errors)).integers(0, len(errors), (RESAMPLES, len(errors)))
    decoded = [one.pixels for one in errors if one.pixels is not None]
    pixels = np.sum(decoded, axis=0) if decoded else None
    rows = []
    for block in range(imagined.shape[1]):
        count = int(starts[:, block].sum())
        if not count:
            break
        rmse = [None, None] if pixels is None else np.sqrt(pixels[block] / count).tolist()
        ratio, ci95 = _ratio(imagined[:, block], unchanged[:, block], drawn)
        row = {"block": block + 1, "seconds": round((block + 1) * seconds, 6), "starts": count}
        row |= {"of_unchanged": ratio, "ci95": ci95, "pixel_rmse": rmse[0], "pixel_rmse_unchanged": rmse[1]}
        rows.append(row)
    return rows


def _ratio(
    error: Float64[np.ndarray, " E"], unchanged: Float64[np.ndarray, " E"], drawn: Int64[np.ndarray, "R E"]
) -> tuple[float | None, list[float] | None]:
    """The ratio of sums over episodes and its interval over the episodes `drawn`."""
    if not unchanged.sum() > 0:
        return None, None
    ratio = float(error.sum() / unchanged.sum())
    below = unchanged[drawn].sum(1)
    if len(error) == 1 or not (below > 0).all():
        return ratio, None
    return ratio, np.quantile(error[drawn].sum(1) / below, [0.025, 0.975]).tolist()


@torch.no_grad()
def _videos(
    world: World, recorded: RecordedEpisodes, episodes: Sequence[int], num_blocks: int
) -> tuple[tuple[ImaginedVideo, ...], str | None]:
    """The videos of some episodes, and what is imagined in them."""
    if not isinstance(world, Decodes) and len(recorded.episodes) < 2:
        return (), None
    shows: Decodes | _Gallery = world if isinstance(world, Decodes) else _Gallery.of(world, recorded)
    found = []
    for episode in episodes:
        frames, actions = _read(world, recorded, episode)
        number = min(num_blocks, len(actions) - 1)
        state = world.start(frame_queries(world, frames, [0]))
        states = [state]
        for block in range(number):
            ahead = actions[:1, block * world.stride : (block + 1) * world.stride]
            states.append(world.imagine(states[-1], torch.from_numpy(ahead).to(state.latent.device)).state)
        shown = [shows.nearest(one, episode) if isinstance(shows, _Gallery) else shows.decode(one) for one in states]
        for camera in world.window.cameras:
            imagined = np.concatenate([one[camera] for one in shown])
            found.append(ImaginedVideo(episode, camera, frames[camera][: number + 1], imagined))
    return tuple(found), "nearest" if isinstance(shows, _Gallery) else "decoded"


@dataclass(frozen=True)
class _Gallery:
    """Frames of a data set by their latents, to show what a world without a decoder believes."""

    episode: Int64[np.ndarray, " M"]
    latents: Float64[np.ndarray, "M F"]
    images: Mapping[str, Images]

    @classmethod
    def of(cls, world: World, recorded: RecordedEpisodes) -> "_Gallery":
        """Evenly spaced frames of all chosen episodes."""
        windows, number = recorded.windows, min(len(recorded.windows), GALLERY)
        rows = np.linspace(0, len(windows) - 1, number).astype(np.int64)
        images = {name: one[:, 0] for name, one in windows.read(rows).images.items()}
        lengths = [recorded.length(one) for one in recorded.episodes]
        return cls(np.repeat(recorded.episodes, lengths)[rows], frame_latents(world, images), images)

    def nearest(self, state: WorldState, episode: int) -> dict[str, Images]:
        """The frame of another episode whose latent is nearest to that of the only row of `state`."""
        wanted = state.latent.flatten(1).double().cpu().numpy()
        distance = ((self.latents - wanted) ** 2).mean(1)
        at = int(np.where(self.episode == episode, np.inf, distance).argmin())
        return {name: one[at : at + 1] for name, one in self.images.items()}
