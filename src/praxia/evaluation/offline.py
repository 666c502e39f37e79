"""Offline evaluation: a policy is queried with recorded observations, its chunks compared with recorded actions.

For users without a simulator. It says how closely a policy repeats what was recorded, never whether it succeeds.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from praxia.core.embodiment import Embodiment, field_slices
from praxia.core.errors import MismatchError, PraxiaError, expect_positive
from praxia.core.hold import HoldAction
from praxia.core.process import available_cores
from praxia.core.types import Decision, Observation, Policy, Query, Samples, Sampling, Window
from praxia.data.dataset import Dataset
from praxia.data.episode import parse_episodes
from praxia.dataloader.mixture_config import DatasetEntry, find_mixture
from praxia.dataloader.view import DatasetView
from praxia.dataloader.windows import Windows
from praxia.evaluation.compatibility import Counterpart, HasEmbodiments, match_counterpart
from praxia.evaluation.held_out import find_training
from praxia.evaluation.policy_entry import SCRIPTED, load_trained
from praxia.results import fingerprint
from praxia.results.offline import (
    META_SCHEMA,
    ActionTrace,
    ErrorSums,
    OfflineRow,
    OfflineStore,
    summarise_offline,
)
from praxia.rollout.faults import action_fault, count_fault, decision_fault

__all__ = [
    "HoldBaseline",
    "RecordedEpisodes",
    "dim_labels",
    "episode_row",
    "evaluate_offline",
    "open_recorded",
    "recorded_queries",
]

BATCH_SIZE = 32

ADVICE = "say how to read it as in training in a mixture file (`praxia data mix --help`)"
ORDER = "give it the order of the training data with `praxia data edit reorder`"


@dataclass(frozen=True)
class HoldBaseline:
    """The actions that keep a robot where it is, as a baseline.

    `held` has one entry per action field: what holds it still (`core.hold.HoldAction`), or None where nothing is known
    to; it then keeps the last recorded action before the frame. An episode's first frame has none before it and keeps
    its own, which makes the baseline a little better than it could be.
    """

    embodiment: Embodiment
    held: tuple[HoldAction | None, ...]

    @classmethod
    def of(cls, embodiment: Embodiment) -> "HoldBaseline":
        return cls(embodiment, tuple(_hold_of(embodiment, at) for at in range(len(embodiment.action))))

    def __call__(
        self, state: Float32[np.ndarray, "B S"], last_action: Float32[np.ndarray, "B A"]
    ) -> Float32[np.ndarray, "B A"]:
        action = last_action.copy()
        for (_, dims), hold in zip(field_slices(self.embodiment.action), self.held, strict=True):
            if hold is not None:
                action[:, dims] = np.stack([hold(row) for row in state])
        return action

    def to_json(self) -> dict[str, str]:
        """By action field, "hold" or "last action"."""
        fields = zip(self.embodiment.action, self.held, strict=True)
        return {field.name: "last action" if hold is None else "hold" for field, hold in fields}


def _hold_of(embodiment: Embodiment, at: int) -> HoldAction | None:
    field = embodiment.action[at]
    hold = {name: value for name, value in embodiment.hold.items() if name == field.name}
    try:
        return HoldAction.of(replace(embodiment, action=(field,), hold=hold))
    except MismatchError:
        return None


def dim_labels(embodiment: Embodiment) -> dict[str, str]:
    """The unit of each action dim by its name: as the data name it, else field[index]."""
    named = [name for field in embodiment.action for name in field.dims]
    labels: dict[str, str] = {}
    for field in embodiment.action:
        for at in range(field.size):
            own = field.dims[at] if field.dims else ""
            labels[own if own and named.count(own) == 1 else f"{field.name}[{at}]"] = field.unit
    return labels


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
    policy: HasEmbodiments, data: str, episodes: str | None = None, bind_as: str | None = None
) -> RecordedEpisodes:
    """The episodes of `data` as `policy` was trained to see its own: its cameras, letterboxed to its sizes.

    `data` is a data set, or a mixture file with one part where names or the rate are to be read differently.
    `episodes` is a text like "0-9", or the name of a split that the data set declares. None: those that training would
    read, without failed ones; of a split too.

    Raises:
        MismatchError: the data do not fit the policy. Names both.
        UnknownName: a camera, field or trained embodiment that does not exist.
        PraxiaError: several data sets, or episodes that `data` does not have.
        DataError: a data set that cannot be read.
    """
    mixture = find_mixture(data)
    if len(mixture.entries) != 1:
        raise PraxiaError(f"expected --data to be one data set, got {len(mixture.entries)}; evaluate on one at a time")
    (entry,) = mixture.entries
    dataset = Dataset(entry.data)
    view = replace(entry.view, rate_hz=mixture.rate_hz, sizes=mixture.sizes)
    embodiment = view.embodiment(dataset)
    trained = {one.name: one for one in policy.embodiments}.get(bind_as or embodiment.name)
    if trained is not None:
        own = {camera.name: (camera.height, camera.width) for camera in trained.cameras}
        view = replace(view, sizes={**own, **mixture.sizes})
        embodiment = view.embodiment(dataset)
    cameras = tuple(camera.name for camera in embodiment.cameras)
    name = match_counterpart(policy, Counterpart(f"data set {entry.data}", cameras, ADVICE, ORDER), embodiment, bind_as)
    assert trained is not None, "a policy that fits was trained on the embodiment"
    selected = _select(entry, dataset, episodes)
    return RecordedEpisodes(Windows(dataset, _dense(policy.window.for_embodiment(trained)), selected, view), name)


def _select(entry: DatasetEntry, dataset: Dataset, episodes: str | None) -> list[int]:
    if episodes is None:
        return entry.select_episodes(dataset, successful=True).tolist()
    if episodes[:1].isalpha():
        split = dataset.split(episodes)
        selected = [number for number in entry.select_episodes(dataset, successful=True).tolist() if number in split]
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
            )
            for at in times
        )
        queries.append(Query(history, key, frame, row))
    return queries


def episode_row(
    policy: Policy,
    recorded: RecordedEpisodes,
    episode: int,
    *,
    key: str,
    policy_sha256: str,
    stride: int,
    batch_size: int,
) -> tuple[OfflineRow, ActionTrace]:
    """The errors of `policy` and of the baseline on every `stride`-th frame of an episode, and its first actions there.

    Raises:
        MismatchError: a decision that is no chunk of finite actions, or an episode without a step to compare.
    """
    windows, baseline = recorded.windows, HoldBaseline.of(recorded.windows.embodiment)
    labels = list(dim_labels(windows.embodiment))
    ours, theirs = (ErrorSums(windows.window.horizon, len(labels)) for _ in range(2))
    frames = np.arange(0, recorded.length(episode), stride)
    predicted, given = list[Float32[np.ndarray, "B A"]](), list[Float32[np.ndarray, "B A"]]()
    for at in range(0, len(frames), batch_size):
        rows = frames[at : at + batch_size]
        samples = recorded.read(episode, rows)
        assert samples.action is not None
        assert samples.action_valid is not None
        decisions, _ = policy.act(recorded_queries(recorded, episode, rows, samples, key), policy.start(len(rows)))
        _expect_chunks(decisions, rows, episode, windows)
        valid = samples.action_valid & np.stack([one.valid for one in decisions])
        chunks = np.stack([one.chunk for one in decisions])
        ours.add(chunks, samples.action, valid)
        predicted.append(chunks[:, 0])
        given.append(samples.action[:, 0])
        held = baseline(samples.state[:, -1], recorded.last_actions(episode, rows))
        theirs.add(np.broadcast_to(held[:, None], samples.action.shape), samples.action, valid)
    if not ours.num_compared.any():
        raise MismatchError(
            f"episode {episode} of {windows.root} is shorter than a step at {windows.embodiment.control_hz:g} Hz: "
            "leave it out with --episodes"
        )
    about = windows.dataset.episodes
    row = OfflineRow(
        episode=episode,
        task=about.task[episode],
        policy_sha256=policy_sha256,
        steps=recorded.length(episode),
        frames=len(frames),
        num_compared=ours.num_compared.tolist(),
        policy=ours.errors(labels),
        baseline=theirs.errors(labels),
    )
    return row, ActionTrace(frames, np.concatenate(predicted), np.concatenate(given))


def _expect_chunks(
    decisions: Sequence[Decision], frames: Int64[np.ndarray, " B"], episode: int, windows: Windows
) -> None:
    """Refuse what is no chunk of the window's length of finite actions."""
    for fault in _faults(decisions, frames, windows):
        if fault is not None:
            raise MismatchError(f"{fault} of episode {episode} of {windows.root}: nothing can be measured of it")


def _faults(decisions: Sequence[Decision], frames: Int64[np.ndarray, " B"], windows: Windows) -> Iterator[str | None]:
    if len(decisions) != len(frames):
        yield count_fault(len(decisions), len(frames), int(frames[0]))
    for decision, frame in zip(decisions, frames.tolist(), strict=True):
        yield decision_fault(decision, windows.embodiment, frame)
        if len(decision.chunk) != windows.window.horizon:
            yield f"the policy gave {len(decision.chunk)} actions, expected {windows.window.horizon}, at step {frame}"
        yield action_fault(decision.chunk[decision.valid], None, frame)


def evaluate_offline(
    name: str,
    data: str,
    out: Path,
    *,
    episodes: str | None = None,
    stride: int = 1,
    bind_as: str | None = None,
    sampling: Sampling | None = None,
    device: str | None = None,
    resume: bool = False,
    command: str = "",
    notice: Callable[[str], None] = lambda text: None,
    report: Callable[[int, int, str], None] = lambda done, planned, text: None,
) -> dict[str, Any]:
    """Evaluate the policy of the folder `name` on recorded episodes, and return the summary with its fingerprint.

    `data` and `episodes` are as in `open_recorded`, but without `episodes` a policy that was trained on the data set is
    evaluated on those that its training held out, if it did; `notice(line)` says which these are. The policy is queried
    at every `stride`-th frame, each query on its own: its noise depends on the content of the data set, the episode and
    the frame. A row is appended to `out` after each episode; with `resume` only missing episodes are evaluated.
    `device` is that of `nn.device.find_device`, and `command` is only recorded.

    Raises:
        PraxiaError: no checkpoint there, a policy without weights, or `out` exists and `resume` is False.
        MismatchError, UnknownName, DataError: as `open_recorded`; `out` was begun differently; or the policy gave no
            finite chunk, where the rows before are kept.
    """
    expect_positive(stride=stride)
    if name in SCRIPTED:
        raise PraxiaError(f"--data expects the folder of a trained policy, got {name!r}; see `praxia eval --help`")
    threads = available_cores()
    trained, identity = load_trained(name, threads, sampling, device)
    recorded = open_recorded(trained, data, episodes, bind_as)
    if episodes is None:
        recorded = _unseen(recorded, Path(name), notice)
    windows = recorded.windows
    policy = trained.bind(windows.embodiment, recorded.trained_as)
    known = windows.dataset.identity
    about = {label: value for label, value in known.items() if label != "path"}
    meta = {
        "schema": META_SCHEMA,
        "command": command,
        "data": known["path"],
        "baseline": HoldBaseline.of(windows.embodiment).to_json(),
        "fingerprint": {
            "policy_sha256": identity.policy_sha256,
            "weights_sha256": identity.weights_sha256,
            "sampling": identity.sampling.to_json() or None,
            "bind_as": None if bind_as == windows.embodiment.name else bind_as,
            "data": {**about, "rate_hz": windows.embodiment.control_hz, "view": _view(windows.view)},
            "episodes": recorded.episodes,
            "stride": stride,
            "dims": dim_labels(windows.embodiment),
            "device": str(policy.device),
            "threads": threads,
            "versions": fingerprint.versions(),
            **fingerprint.code(),
            "machine": fingerprint.machine(),
        },
    }
    with closing(OfflineStore(out)) as store:
        rows = {row.episode: row for row in store.begin(meta, resume)}
        report(len(rows), len(recorded.episodes), f"{len(rows)} episodes recovered" if rows else "starting")
        for episode in recorded.episodes:
            if episode in rows:
                continue
            row, trace = episode_row(
                policy,
                recorded,
                episode,
                key=f"{windows.dataset.content_hash}/{episode}",
                policy_sha256=identity.policy_sha256,
                stride=stride,
                batch_size=BATCH_SIZE,
            )
            store.append(row, trace)
            rows[episode] = row
            report(len(rows), len(recorded.episodes), f"error {row.policy.mae:.4g}")
    return {**summarise_offline([rows[episode] for episode in recorded.episodes]), "fingerprint": meta["fingerprint"]}


def _unseen(recorded: RecordedEpisodes, policy: Path, notice: Callable[[str], None]) -> RecordedEpisodes:
    """The episodes that the training of `policy` held out of this data set, if it did; otherwise all."""
    from praxia.checkpoint.store import read_config

    windows = recorded.windows
    training = find_training(read_config(policy)[0].provenance, windows.dataset)
    if training is None:
        return recorded
    notice(training.notice(windows.dataset.num_episodes))
    held_out = windows.episodes[np.isin(windows.episodes, training.held_out)]
    return replace(recorded, windows=windows.of_episodes(held_out)) if len(held_out) else recorded


def _view(view: DatasetView) -> dict[str, Any]:
    return {**view.to_json(), "sizes": {name: list(size) for name, size in sorted(view.sizes.items())}}
