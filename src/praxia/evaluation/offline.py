"""Offline evaluation: a policy is queried with recorded observations, its chunks compared with recorded actions.

For users without a simulator. It says how closely a policy repeats what was recorded, never whether it succeeds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from praxia.core.types import Decision, Policy, Sampling
from praxia.dataloader.view import DatasetView
from praxia.dataloader.windows import Windows
from praxia.evaluation.held_out import find_training
from praxia.evaluation.policy_entry import expect_unbound, limit_torch, load_trained
from praxia.evaluation.policy_factory import MakePolicy, PolicyFactory
from praxia.evaluation.policy_resolver import PlannerFile, ScriptedPolicy, resolve_policy
from praxia.evaluation.recorded import RecordedEpisodes, open_foreign, open_recorded, recorded_queries
from praxia.results import fingerprint
from praxia.results.offline import (
    META_SCHEMA,
    ActionTrace,
    ErrorSums,
    OfflineRow,
    OfflineStore,
    summarise_offline,
)
from praxia.rollout.corrected import Corrects
from praxia.rollout.faults import action_fault, count_fault, decision_fault

__all__ = [
    "HoldBaseline",
    "dim_labels",
    "episode_row",
    "evaluate_offline",
]

BATCH_SIZE = 32


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
    name: str | MakePolicy,
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
    """Evaluate a policy on recorded episodes, and return the summary with its fingerprint.

    `name` is the folder of a trained policy, or of a foreign one its factory, import string or registered name
    (`policy_factory`).

    `data` and `episodes` are as in `open_recorded`, but without `episodes` a policy that was trained on the data set is
    evaluated on those that its training held out, if it did; `notice(line)` says which these are. Chunks of a
    policy that corrects its actions are compared before that, and `notice` says so. The policy is queried at every
    `stride`-th frame, each query on its own: its noise depends on the content of the data set, the episode and the
    frame. A row is appended to `out` after each episode; with `resume` only missing episodes are evaluated. `device` is
    that of `nn.device.find_device`, and `command` is only recorded.

    Raises:
        PraxiaError: no checkpoint there, a scripted policy, a factory that fails, or `out` exists and `resume` is
            False.
        MismatchError, UnknownName, DataError: as `open_recorded`; `out` was begun differently; or the policy gave no
            finite chunk, where the rows before are kept.
    """
    expect_positive(stride=stride)
    threads = available_cores()
    subject = _find_subject(name, data, episodes, bind_as, sampling, threads, device, notice)
    recorded = subject.recorded
    if isinstance(subject.policy, Corrects):
        notice("the policy's chunks are compared as it decides them, before they are corrected by newer observations")
    meta = _meta(subject, stride, threads, command)
    with closing(OfflineStore(out)) as store:
        rows = {row.episode: row for row in store.begin(meta, resume)}
        report(len(rows), len(recorded.episodes), f"{len(rows)} episodes recovered" if rows else "starting")
        for episode in recorded.episodes:
            if episode in rows:
                continue
            row, trace = episode_row(
                subject.policy,
                recorded,
                episode,
                key=f"{recorded.windows.dataset.content_hash}/{episode}",
                policy_sha256=subject.identity["policy_sha256"],
                stride=stride,
                batch_size=BATCH_SIZE,
            )
            store.append(row, trace)
            rows[episode] = row
            report(len(rows), len(recorded.episodes), f"error {row.policy.mae:.4g}")
    return {**summarise_offline([rows[episode] for episode in recorded.episodes]), "fingerprint": meta["fingerprint"]}


@dataclass(frozen=True)
class _Subject:
    """What is evaluated: a policy, the episodes as it sees them, and what identifies it, as in a fingerprint."""

    policy: Policy
    recorded: RecordedEpisodes
    identity: Mapping[str, Any]


def _meta(subject: _Subject, stride: int, threads: int, command: str) -> dict[str, Any]:
    """What is written beside the rows."""
    windows = subject.recorded.windows
    known = windows.dataset.identity
    about = {label: value for label, value in known.items() if label != "path"}
    return {
        "schema": META_SCHEMA,
        "command": command,
        "data": known["path"],
        "baseline": HoldBaseline.of(windows.embodiment).to_json(),
        "fingerprint": {
            **subject.identity,
            "data": {**about, "rate_hz": windows.embodiment.control_hz, "view": _view(windows.view)},
            "episodes": subject.recorded.episodes,
            "stride": stride,
            "dims": dim_labels(windows.embodiment),
            # A learned policy has a device, as in `results_writer`.
            "device": str(getattr(subject.policy, "device", "cpu")),
            "threads": threads,
            "versions": fingerprint.versions(),
            **fingerprint.code(),
            "machine": fingerprint.machine(),
        },
    }


def _find_subject(
    name: str | MakePolicy,
    data: str,
    episodes: str | None,
    bind_as: str | None,
    sampling: Sampling | None,
    threads: int,
    device: str | None,
    notice: Callable[[str], None],
) -> _Subject:
    found = resolve_policy(name)
    if isinstance(found, ScriptedPolicy | PlannerFile):
        raise PraxiaError(f"--data expects a trained policy or one of your own, got {name!r}; see `praxia eval --help`")
    if isinstance(found, PolicyFactory):
        expect_unbound(found.reference, bind_as, sampling)
        foreign, recorded = open_foreign(found, data, episodes)
        limit_torch(threads)
        known = {"policy_sha256": foreign.policy_sha256, "weights_sha256": None, "claim": foreign.claim}
        return _Subject(foreign.policy, recorded, {**known, "sampling": None, "bind_as": None})
    trained, identity = load_trained(found.path, threads, sampling, device)
    recorded = open_recorded(trained, data, episodes, bind_as)
    if episodes is None:
        recorded = _unseen(recorded, found.path, notice)
    embodiment = recorded.windows.embodiment
    known = {
        **identity.to_json(),
        "sampling": identity.sampling.to_json() or None,
        "bind_as": None if bind_as == embodiment.name else bind_as,
    }
    return _Subject(trained.bind(embodiment, recorded.trained_as), recorded, known)


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
