"""Recorded episodes as a policy sees them, and the queries that are made of their frames."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Int64

from praxia.core.embodiment import Embodiment
from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.types import Observation, Query
from praxia.core.window import Samples, Window
from praxia.data.dataset import Dataset
from praxia.data.episode import parse_episodes
from praxia.dataloader.mixture_config import DatasetEntry, find_mixture
from praxia.dataloader.view import DatasetView
from praxia.dataloader.windows import Windows
from praxia.evaluation.compatibility import Counterpart, HasEmbodiments, check_counterpart, match_counterpart
from praxia.evaluation.policy_factory import ForeignPolicy, PolicyFactory
from praxia.policies.foreign import FunctionPolicy

__all__ = ["RecordedEpisodes", "open_foreign", "open_recorded", "recorded_queries"]

ADVICE = "say how to read it as in training in a mixture file (`praxia data mix --help`)"
ORDER = "give it the order of the training data with `praxia data edit reorder`"


@dataclass(frozen=True)
class RecordedEpisodes:
    """Recorded episodes as a policy sees them, and the name of the trained embodiment whose weights read them.

    The windows hold every observation from the oldest that the policy sees to the present.
    """

    windows: Windows
    trained_as: str

    @property
    def episodes(self) -> list[int]:
        return self.windows.episodes.tolist()

    def length(self, episode: int) -> int:
        """The number of frames of an episode."""
        return int(self.windows.dataset.episodes.length[episode])

    def read(self, episode: int, frames: Int64[np.ndarray, " B"]) -> Samples:
        """The windows of these frames of an episode."""
        lengths = self.windows.dataset.episodes.length[self.windows.episodes]
        return self.windows.read(int(lengths[: self.episodes.index(episode)].sum()) + frames)

    def last_actions(self, episode: int, frames: Int64[np.ndarray, " B"]) -> Float32[np.ndarray, "B A"]:
        """The recorded action before each frame; the first frame's own at the first."""
        first = int(self.windows.dataset.episodes.first[episode])
        return self.windows.dataset.column("action")[first + np.maximum(frames - 1, 0)].astype(np.float32)


def open_recorded(
    policy: HasEmbodiments,
    data: str,
    episodes: str | None = None,
    bind_as: str | None = None,
    *,
    window: Window | None = None,
    successful: bool = True,
) -> RecordedEpisodes:
    """The episodes of `data` as `policy` was trained to see its own: its cameras, letterboxed to its sizes.

    `data` is a data set, or a mixture file with one part where names or the rate are to be read differently.
    `episodes` is a text like "0-9", or the name of a split that the data set declares. None: those that training would
    read, without failed ones if `successful`; of a split too. `window` is read in place of the policy's observations.

    Raises:
        MismatchError: the data do not fit the policy. Names both.
        UnknownName: a camera, field or trained embodiment that does not exist.
        PraxiaError: several data sets, or episodes that `data` does not have.
        DataError: a data set that cannot be read.
    """
    entry, dataset, view = _open(data)
    embodiment = view.embodiment(dataset, policy.window.streams)
    trained = {one.name: one for one in policy.embodiments}.get(bind_as or embodiment.name)
    if trained is not None:
        own = {camera.name: (camera.height, camera.width) for camera in trained.cameras}
        view = replace(view, sizes={**own, **view.sizes})
        embodiment = view.embodiment(dataset, policy.window.streams)
    name = match_counterpart(policy, _counterpart(entry, embodiment), embodiment, bind_as)
    assert trained is not None, "a policy that fits was trained on the embodiment"
    selected = _select(entry, dataset, episodes, successful=successful)
    seen = _dense(policy.window.for_embodiment(trained)) if window is None else window
    return RecordedEpisodes(Windows(dataset, seen, selected, view), name)


def open_foreign(
    factory: PolicyFactory, data: str, episodes: str | None = None
) -> tuple[ForeignPolicy, RecordedEpisodes]:
    """The factory's policy for the robot of `data`, and the episodes as recorded, with the images that it sees.

    `data` and `episodes` are as in `open_recorded`. A function that declares no horizon has that of its answer to the
    first frame.

    Raises:
        MismatchError: the policy reads the simulator's state, or is for another robot or cameras.
        PraxiaError, UnknownName, DataError: as `open_recorded` and `PolicyFactory`.
    """
    entry, dataset, view = _open(data)
    embodiment = view.embodiment(dataset)
    foreign = factory(embodiment)
    if foreign.policy.privileged:
        raise MismatchError(f"{factory.reference} reads a simulator's state, which recorded episodes do not have")
    check_counterpart(foreign.policy, _counterpart(entry, embodiment), embodiment)
    selected = _select(entry, dataset, episodes)
    recorded = RecordedEpisodes(Windows(dataset, _dense(foreign.policy.window), selected, view), embodiment.name)
    if not isinstance(foreign.policy, FunctionPolicy) or not recorded.episodes:
        return foreign, recorded
    (first, *_), frames = recorded.episodes, np.zeros(1, np.int64)
    (query,) = recorded_queries(recorded, first, frames, recorded.read(first, frames), "horizon")
    measured = foreign.policy.with_horizon_of(query)
    windows = Windows(dataset, _dense(measured.window), selected, view)
    return replace(foreign, policy=measured), replace(recorded, windows=windows)


def _open(data: str) -> tuple[DatasetEntry, Dataset, DatasetView]:
    """The only data set of `data`, and how it is to be read."""
    mixture = find_mixture(data)
    if len(mixture.entries) != 1:
        raise PraxiaError(f"expected --data to be one data set, got {len(mixture.entries)}; evaluate on one at a time")
    (entry,) = mixture.entries
    return entry, Dataset(entry.data), replace(entry.view, rate_hz=mixture.rate_hz, sizes=mixture.sizes)


def _counterpart(entry: DatasetEntry, embodiment: Embodiment) -> Counterpart:
    cameras = tuple(camera.name for camera in embodiment.cameras)
    return Counterpart(f"data set {entry.data}", cameras, ADVICE, ORDER)


def _select(entry: DatasetEntry, dataset: Dataset, episodes: str | None, *, successful: bool = True) -> list[int]:
    if episodes is None:
        return entry.select_episodes(dataset, successful=successful).tolist()
    if episodes[:1].isalpha():
        split, known = dataset.split(episodes), entry.select_episodes(dataset, successful=successful).tolist()
        selected = [number for number in known if number in split]
        if not selected:
            raise PraxiaError(f"expected an episode in the split {episodes!r} of {dataset.root} to evaluate, got none")
        return selected
    available = entry.select_episodes(dataset, successful=False).tolist()
    chosen = sorted(parse_episodes(episodes, dataset.num_episodes))
    if outside := [number for number in chosen if number not in available]:
        raise PraxiaError(f"expected --episodes among those that the mixture file chooses, got {outside[0]}")
    return chosen


def _dense(window: Window) -> Window:
    """The window with every observation step from the oldest on: a query holds all of them."""
    steps = tuple(range(-window.history, 1))
    return Window(dict.fromkeys(["state", *window.observation_steps], steps), window.horizon)


def recorded_queries(
    recorded: RecordedEpisodes, episode: int, frames: Int64[np.ndarray, " B"], samples: Samples, key: str
) -> list[Query]:
    """The queries of windows at these frames, whose noise depends on `key` and the frame alone."""
    cameras, rate_hz = recorded.windows.window.cameras, recorded.windows.embodiment.control_hz
    queries = []
    for row, frame in enumerate(frames.tolist()):
        times = np.flatnonzero(samples.state_valid[row]).tolist()
        history = tuple(
            Observation(
                {camera: samples.images[camera][row, at] for camera in cameras},
                samples.state[row, at],
                samples.instruction[row],
                frame / recorded.windows.dataset.fps - (times[-1] - at) / rate_hz,
                streams={name: values[row, at] for name, values in samples.streams.items()},
            )
            for at in times
        )
        queries.append(Query(history, key, frame, row))
    return queries
