"""Windows: the observation steps and actions around a frame, read by the batch."""

import json
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, Shaped, UInt8

from praxia.core.embodiment import Embodiment
from praxia.core.errors import DataError, MismatchError, PraxiaError
from praxia.core.memory import available_memory
from praxia.core.window import Samples, Window
from praxia.data.dataset import Dataset
from praxia.data.features import stream_key
from praxia.dataloader.frame_cache import CachedFrames
from praxia.dataloader.goals import frames_to_goal, with_goals
from praxia.dataloader.sequences import Chains, joined
from praxia.dataloader.view import DatasetView, Resampling
from praxia.statistics.running import RunningStats

__all__ = ["EXECUTED", "Windows"]

STATE, ACTION = "state", "action"
# What a robot did, where that may differ from the label to imitate: a feature of data that Praxia wrote.
EXECUTED = "action.executed"

# Windows that enter the statistics at once.
BLOCK_WINDOWS = 65_536


class Windows:
    """One window for every frame of the given episodes, its present: len() windows, numbered in order.

    Steps before an episode's first frame repeat the first, and steps after its last repeat the last; none of these is
    valid. `view` changes names, sizes and rate. At another rate every frame of the data set is still the present of one
    window, and only a step that ends within the episode is valid (`Resampling`). Decoded images are kept on disk, at
    most `cache_bytes` for all cameras (`CachedFrames`).

    With `Window.sequence_length` every window is the first step of a sequence (`praxia.dataloader.sequences`), so that
    the order of training is that of windows.

    Data without a state or without actions are read by windows that need none (a horizon of 0): the state then has no
    dims. Those whose view says that they have no actions are read by any window, and none of their actions is valid.

    Raises:
        PraxiaError: the window's streams, which are kept in memory as a whole, do not fit into it.
        DataError: no episodes, or no state or actions that the window needs (`MissingVector`).
        MismatchError: the window needs a camera or modality that the data set does not have.
        UnknownName: the view, or the window's streams, have a name that the data set does not have.
    """

    def __init__(
        self,
        dataset: Dataset,
        window: Window,
        episodes: Sequence[int] | Int64[np.ndarray, " K"],
        view: DatasetView | None = None,
        cache_bytes: int | None = None,
    ):
        if len(episodes) == 0:
            raise DataError(
                f"expected at least one episode of {dataset.root}, got none; see `praxia info {dataset.root}`"
            )
        self.dataset = dataset
        self.window = window
        self.view = view or DatasetView()
        self._cache_bytes = cache_bytes
        self.root = dataset.root
        self.embodiment = with_goals(self.view.embodiment(dataset, window.streams), window.goal)
        _expect_modalities(dataset, window, self.view, self.embodiment)
        # First of all, because this compares the rows with the lengths in the episode table.
        self._task = dataset.column("task_index")[:, 0]
        _expect_room(dataset, self.embodiment)
        self._stream = {one.name: dataset.column(stream_key(one.name)) for one in self.embodiment.streams}
        self._state = _vector(dataset, "observation.state", STATE in {*window.observation_steps, *window.targets})
        label_or_executed = EXECUTED if window.executed and EXECUTED in dataset.info["features"] else ACTION
        if self.view.actions:
            self._action = _vector(dataset, label_or_executed, window.horizon > 0 or ACTION in window.observation_steps)
        else:
            self._action = np.zeros((int(dataset.episodes.length.sum()), self.embodiment.action_dim), np.float32)
        self._reward, self._terminated = _outcomes(dataset, self.embodiment) if window.outcomes else (None, None)
        self.extras = _extras(dataset, self.embodiment, window.extras)
        self.episodes = np.asarray(episodes, dtype=np.int64)
        first, length = dataset.episodes.first[self.episodes], dataset.episodes.length[self.episodes]
        self._episode = np.repeat(self.episodes, length)
        self._first = np.repeat(first, length)
        self._last = np.repeat(first + length - 1, length)
        self._present = np.concatenate([np.arange(a, a + n) for a, n in zip(first, length, strict=True)])
        self._instructions = np.array(dataset.instructions, dtype=object)
        self._goal = {shown: seen.removeprefix("image.") for seen, shown in window.goal.items()}
        cameras = [name for name in (*window.cameras, *window.target_cameras) if f"image.{name}" not in self._goal]
        sources = {camera: self.view.source_of(camera) for camera in (*cameras, *self._goal.values())}
        self._frames = {
            camera: CachedFrames(dataset, source, self.view.sizes.get(camera), cache_bytes)
            for camera, source in sources.items()
            if source
        }
        self._resampling = Resampling.between(dataset.embodiment.control_hz, self.embodiment.control_hz)
        factors = self._resampling.factors(self.embodiment.action)
        self._summed = np.flatnonzero(np.isfinite(factors) & (not self._resampling.is_identity))
        self._factors = factors[self._summed]
        self._chains = None
        if window.sequence_length is not None:
            _expect_own_rate(dataset, self.embodiment, "a sequence", "sequence_length")
            self._chains = Chains.of(self._task[self._present], self._present == self._first)
        self._summed_action = np.ascontiguousarray(self._action[:, self._summed])

    def __len__(self) -> int:
        return len(self._present)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the data set anew."""
        return Windows, (self.dataset, self.window, self.episodes, self.view, self._cache_bytes)

    def of_episodes(self, episodes: Int64[np.ndarray, " K"]) -> "Windows":
        """The windows of other episodes of the same data set, read in the same way."""
        return Windows(self.dataset, self.window, episodes, self.view, self._cache_bytes)

    @property
    def instructions(self) -> list[str]:
        """The instructions of these windows, each once."""
        return sorted(set(self._instructions[self._task[self._present]]))

    def rows(self) -> Iterator[tuple[Float32[np.ndarray, "N S"], Float32[np.ndarray, "M A"]]]:
        """The states and actions to train on, as windows show them, a block at a time.

        These are the present state of every window, and its first action where that step ends within the episode: each
        row of the episodes once.
        """
        for at in range(0, len(self), BLOCK_WINDOWS):
            rows = np.arange(at, min(at + BLOCK_WINDOWS, len(self)))
            action, valid = self._actions(rows, (0,))
            yield self._state[self._present[rows]], action[valid[:, 0], 0]

    def statistics(self) -> dict[str, RunningStats]:
        """Statistics of `rows`: {"observation.state": ..., "action": ...}; meta/stats.json plays no role.

        Data that are read without actions have none of these.

        Raises:
            MismatchError: every episode is shorter than a step.
        """
        found = {"observation.state": RunningStats(), "action": RunningStats()}
        for state, action in self.rows():
            found["observation.state"].add(state)
            found["action"].add(action)
        if not self.view.actions:
            return {"observation.state": found["observation.state"]}
        if found["action"].count == 0:
            raise MismatchError(
                f"no episode of {self.root} is as long as a step at {self.embodiment.control_hz:g} Hz; raise rate_hz"
            )
        return found

    def source_of(self, camera: str) -> str | None:
        """The data set's own name of the camera whose images the window shows as `camera`; None: it has none."""
        return self.view.source_of(self._goal.get(f"image.{camera}", camera))

    def read(
        self,
        indices: Int64[np.ndarray, " B"],
        drawn: Float64[np.ndarray, " B"] | None = None,
        *,
        with_images: bool = True,
    ) -> Samples:
        """The windows with the given numbers, in that order, in declared units.

        With `with_images` False, `images` and `streams` are empty. `drawn` says where goals are, if the window has any
        (`dataloader.goals`).
        """
        if self._chains is None or self.window.sequence_length is None:
            return self._read(indices, drawn, with_images)
        steps, valid = self._chains.following(indices, self.window.sequence_length)
        is_first = self._present[steps] == self._first[steps]
        return joined(self._read(steps.ravel(), None, with_images), is_first, valid)

    def _read(
        self, indices: Int64[np.ndarray, " B"], drawn: Float64[np.ndarray, " B"] | None, with_images: bool
    ) -> Samples:
        """The windows with the given numbers, of the present alone."""
        steps, targets = self.window.observation_steps, self.window.targets
        state_at, state_valid = self._locate(indices, self._resampling.newest(steps.get(STATE, ())))
        action, action_valid = self._actions(indices, range(self.window.horizon))
        images, image_valid = self._images_at(indices, steps, with_images)
        target_images, target_image_valid = self._images_at(indices, targets, with_images)
        if self._goal:
            left = self._last[indices] - self._present[indices]
            ahead = frames_to_goal(left, indices, drawn)
            goals, goal_valid = self._goals(self._present[indices] + ahead, ahead > 0, with_images)
            images, image_valid = images | goals, image_valid | goal_valid
            action_valid &= np.array(self._resampling.newest(range(1, self.window.horizon + 1))) <= ahead[:, None]
        optional: dict[str, Any] = {}
        if STATE in targets:
            at, optional["target_state_valid"] = self._locate(indices, self._resampling.newest(targets[STATE]))
            optional["target_state"] = self._state[at]
        if ACTION in steps:
            optional["past_action"], optional["past_action_valid"] = self._actions(indices, steps[ACTION])
        if self.window.outcomes or self.extras:
            at, _ = self._locate(indices, range(self.window.horizon))
            optional["extras"] = {name: values[at] for name, values in self.extras.items()}
            if self._reward is not None and self._terminated is not None:
                optional |= {"reward": self._reward[at], "terminated": self._terminated[at]}
        return Samples(
            images=images,
            image_valid=image_valid,
            state=self._state[state_at],
            state_valid=state_valid,
            instruction=tuple(self._instructions[self._task[self._present[indices]]]),
            embodiment=np.zeros(len(indices), dtype=np.int64),
            action=action if self.window.horizon else None,
            action_valid=action_valid if self.window.horizon else None,
            target_images=target_images,
            target_image_valid=target_image_valid,
            **self._streams_at(indices, with_images),
            **optional,
        )

    def frames_of(self, indices: Int64[np.ndarray, " B"]) -> list[tuple[int, int]]:
        """(episode, frame in it) of each window's present, for messages."""
        frames = self._present[indices] - self._first[indices]
        return list(zip(self._episode[indices].tolist(), frames.tolist(), strict=True))

    def _locate(
        self, indices: Int64[np.ndarray, " B"], offsets: Sequence[int] | Int64[np.ndarray, " T"]
    ) -> tuple[Int64[np.ndarray, "B T"], Bool[np.ndarray, "B T"]]:
        """Frames at `offsets` from each window's present, clipped to its episode, and which needed no clipping."""
        wanted = self._present[indices, None] + np.asarray(offsets, dtype=np.int64)
        clipped = np.clip(wanted, self._first[indices, None], self._last[indices, None])
        return clipped, clipped == wanted

    def _actions(
        self, indices: Int64[np.ndarray, " B"], steps: Sequence[int]
    ) -> tuple[Float32[np.ndarray, "B H A"], Bool[np.ndarray, "B H"]]:
        """The actions of `steps`, counted from each present, and which steps are within the episode."""
        at, valid = self._locate(indices, self._resampling.in_force(steps))
        valid &= self.view.actions
        if min(steps, default=0) < 0:  # a step that begins before the episode may end in it
            valid &= self._locate(indices, self._resampling.newest(steps))[1]
        action = self._action[at]
        if len(self._summed):
            frames, fractions = self._resampling.overlaps(steps)
            overlapped, _ = self._locate(indices, frames.ravel())
            values = self._summed_action[overlapped].reshape(len(indices), *frames.shape, len(self._summed))
            action[..., self._summed] = np.einsum("bhkd,hk->bhd", values.astype(np.float64), fractions) * self._factors
        return action, valid

    def _images_at(
        self, indices: Int64[np.ndarray, " B"], steps: Mapping[str, tuple[int, ...]], with_images: bool
    ) -> tuple[dict[str, UInt8[np.ndarray, "B _ Y X 3"]], dict[str, Bool[np.ndarray, "B _"]]]:
        """The images of every camera in `steps` by its name (none without `with_images`), and which are valid."""
        images, valid = {}, {}
        for name in (name for name in steps if name.startswith("image.") and name not in self._goal):
            camera = name.removeprefix("image.")
            at, within = self._locate(indices, self._resampling.newest(steps[name]))
            valid[camera] = within & (camera in self._frames)
            if with_images:
                images[camera] = self._images(camera, at)
        return images, valid

    def _goals(
        self, at: Int64[np.ndarray, " B"], later: Bool[np.ndarray, " B"], with_images: bool
    ) -> tuple[dict[str, UInt8[np.ndarray, "B 1 Y X 3"]], dict[str, Bool[np.ndarray, "B 1"]]]:
        """The images of the goals, which are the frames `at`, and which are valid: those `later` than the present."""
        sources = {shown.removeprefix("image."): seen for shown, seen in self._goal.items()}
        valid = {shown: (later & (seen in self._frames))[:, None] for shown, seen in sources.items()}
        images = {shown: self._images(seen, at[:, None]) for shown, seen in sources.items()} if with_images else {}
        return images, valid

    def _streams_at(self, indices: Int64[np.ndarray, " B"], with_values: bool) -> dict[str, dict[str, np.ndarray]]:
        """The named streams of the window (none without values) and which steps are valid, as fields of `Samples`."""
        streams, valid = {}, {}
        for stream in self.embodiment.streams:
            steps = self._resampling.newest(self.window.observation_steps[stream.name])
            at, valid[stream.name] = self._locate(indices, steps)
            if with_values:
                streams[stream.name] = self._stream[stream.name][at].reshape(*at.shape, *stream.shape)
        return {"streams": streams, "stream_valid": valid}

    def _images(self, camera: str, at: Int64[np.ndarray, "B T"]) -> UInt8[np.ndarray, "B T Y X 3"]:
        """The images of the given frames; black if the data set has no such camera."""
        if camera not in self._frames:
            return np.zeros((*at.shape, *self.view.sizes[camera], 3), dtype=np.uint8)
        images = self._frames[camera].read(at.ravel())
        return images.reshape(*at.shape, *images.shape[1:])


def _expect_modalities(dataset: Dataset, window: Window, view: DatasetView, embodiment: Embodiment) -> None:
    cameras = [*(camera.name for camera in embodiment.cameras), *view.cameras]
    known = {STATE, *(f"image.{camera}" for camera in cameras)}
    needed = {*window.observation_steps} - {ACTION, *window.streams, *window.goal.values()}
    unknown = sorted((needed | {*window.targets, *window.goal}) - known)
    if unknown:
        unused = [camera for camera in cameras if camera not in window.cameras]
        mapped = json.dumps({unknown[0].removeprefix("image."): unused[0] if unused else None})
        raise MismatchError(
            f"the window needs {', '.join(unknown)}; {dataset.root} has {', '.join(sorted(known))}. "
            f'Choose another recipe, record with that camera, or map it in a mixture file, such as "cameras": {mapped} '
            "(the window's name: the data set's name, or null for none)"
        )


def _expect_room(dataset: Dataset, embodiment: Embodiment) -> None:
    """Refuse streams that do not fit into memory. Raises as `Windows`."""
    sizes = {
        one.name: dataset.num_frames * prod(one.shape) * np.dtype(one.dtype).itemsize for one in embodiment.streams
    }
    needed, available = sum(sizes.values()), available_memory() if sizes else None
    if available is not None and needed > available:
        raise PraxiaError(
            f"expected {needed / 1e9:.3g} GB of memory for the streams {', '.join(sizes)} of {dataset.root}, got "
            f"{available / 1e9:.3g} GB; leave them out of the window, or train on fewer episodes (`praxia data edit`)"
        )


def _vector(dataset: Dataset, feature: str, needed: bool) -> Float32[np.ndarray, "N D"]:
    """A column of the data set; without dims where the data set does not have it and it is not needed."""
    if not needed and feature not in dataset.info["features"]:
        return np.zeros((int(dataset.episodes.length.sum()), 0), np.float32)
    return np.ascontiguousarray(dataset.column(feature), dtype=np.float32)


def _outcomes(dataset: Dataset, embodiment: Embodiment) -> tuple[Float32[np.ndarray, " N"], Bool[np.ndarray, " N"]]:
    """The reward of every frame, and whether the task ended there.

    Raises:
        UnknownName: the data set has no such feature.
        MismatchError: it is read at another rate, at which rewards have no meaning of their own.
    """
    _expect_own_rate(dataset, embodiment, "a reward", "outcomes")
    reward, terminated = (dataset.column(name)[:, 0] for name in ("next.reward", "next.terminated"))
    return reward.astype(np.float32), terminated.astype(bool)


def _extras(dataset: Dataset, embodiment: Embodiment, names: Sequence[str]) -> dict[str, Shaped[np.ndarray, "N D"]]:
    """The named features of every frame.

    Raises:
        UnknownName: the data set has no such feature.
        MismatchError: it is read at another rate, at which they belong to no step.
    """
    if names:
        _expect_own_rate(dataset, embodiment, names[0], "extras")
    return {name: dataset.column(name) for name in names}


def _expect_own_rate(dataset: Dataset, embodiment: Embodiment, what: str, option: str) -> None:
    """Refuse to read at another rate than the data's what has a meaning for their own steps alone."""
    own_hz = dataset.embodiment.control_hz
    if own_hz != embodiment.control_hz:
        raise MismatchError(
            f"{what} of {dataset.root} is per step of {own_hz:g} Hz, and it is read at {embodiment.control_hz:g} Hz:"
            f" leave out rate_hz, or the window's {option}"
        )
