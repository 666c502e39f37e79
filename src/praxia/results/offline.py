"""Offline evaluations: how far a policy's actions are from recorded ones. Their files, summaries and comparisons.

`F.jsonl` holds one row per episode, `F.jsonl.meta.json` what produced them, `F.jsonl.actions/<episode>.safetensors` the
predicted and recorded actions to draw. Rows and metadata have schemas of their own, so that no row of recorded actions
is ever counted as an episode that a policy lived through.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from praxia.core.errors import DataError, MismatchError
from praxia.core.files import complete_lines, remove_leftovers, write_atomic
from praxia.core.lock import Lock
from praxia.results.meta import differences, expect_same_fingerprint, has_earlier_run, meta_path, parse_meta
from praxia.results.rows import RowWriter, cut_incomplete_line
from praxia.results.statistics import t_interval

__all__ = [
    "INTERVAL",
    "META_SCHEMA",
    "NOTE",
    "ActionErrors",
    "ActionTrace",
    "ErrorSums",
    "OfflineRow",
    "OfflineStore",
    "compare_offline",
    "is_offline_file",
    "read_offline",
    "read_trace",
    "summarise_offline",
]

ROW_SCHEMA, META_SCHEMA = "praxia.offline_row.v1", "praxia.offline.v1"

NOTE = (
    "This is offline: it says how closely recorded actions are repeated, one observation at a time, and is no"
    " substitute for success rates. A policy with a lower error may succeed less often."
)
INTERVAL = (
    "95% t intervals of the mean over episodes: unlike a bootstrap they are wide enough for a handful of episodes, and"
    " they need no random numbers"
)

METRICS = ("mae", "mse")


@dataclass(frozen=True)
class ActionErrors:
    """Mean absolute (`mae`) and mean squared (`mse`) differences of actions, in the units of the dims.

    Every compared step of every chunk counts once. `per_dim` is by name of the dim; `per_step` [H] is by step of the
    chunk, None where no recorded action is so far ahead. What covers several dims is the mean over the dims, whatever
    their units.
    """

    mae: float
    mse: float
    mae_per_dim: Mapping[str, float]
    mse_per_dim: Mapping[str, float]
    mae_per_step: Sequence[float | None]
    mse_per_step: Sequence[float | None]


class ErrorSums:
    """Sums of differences of chunks [H, A], in float64; `num_compared` [H] counts the compared chunks by step."""

    def __init__(self, horizon: int, dims: int):
        self.num_compared: Int64[np.ndarray, " H"] = np.zeros(horizon, dtype=np.int64)
        self._absolute, self._squared = np.zeros((horizon, dims)), np.zeros((horizon, dims))

    def add(
        self,
        predicted: Float[np.ndarray, "B H A"],
        recorded: Float[np.ndarray, "B H A"],
        valid: Bool[np.ndarray, "B H"],
    ) -> None:
        """Add chunks; steps that are not `valid` do not count."""
        difference = np.where(valid[..., None], predicted.astype(np.float64) - recorded.astype(np.float64), 0.0)
        self.num_compared += valid.sum(axis=0)
        self._absolute += np.abs(difference).sum(axis=0)
        self._squared += (difference**2).sum(axis=0)

    def errors(self, names: Sequence[str]) -> ActionErrors:
        """The means, with the `names` of the dims. At least one step must have been compared."""
        assert self.num_compared.any(), "errors before a step was compared"
        (mae, mae_per_dim, mae_per_step), (mse, mse_per_dim, mse_per_step) = (
            self._means(sums, names) for sums in (self._absolute, self._squared)
        )
        return ActionErrors(mae, mse, mae_per_dim, mse_per_dim, mae_per_step, mse_per_step)

    def _means(
        self, sums: Float64[np.ndarray, "H A"], names: Sequence[str]
    ) -> tuple[float, dict[str, float], list[float | None]]:
        """Overall, per dim, per step."""
        per_dim = sums.sum(axis=0) / self.num_compared.sum()
        steps = zip(sums.mean(axis=1).tolist(), self.num_compared.tolist(), strict=True)
        per_step = [total / count if count else None for total, count in steps]
        return float(per_dim.mean()), dict(zip(names, per_dim.tolist(), strict=True)), per_step


@dataclass(frozen=True)
class OfflineRow:
    """A policy on one recorded episode.

    Attributes:
        episode: number of the episode in its data set.
        task: name of its task.
        policy_sha256: identity of the policy.
        steps: number of frames of the episode.
        frames: number of frames for which the policy was queried.
        num_compared: by step of the chunk, the number of chunks in which it was compared.
        policy, baseline: errors of the policy, and of the actions that keep the robot where it is.
    """

    episode: int
    task: str
    policy_sha256: str
    steps: int
    frames: int
    num_compared: Sequence[int]
    policy: ActionErrors
    baseline: ActionErrors

    def line(self) -> bytes:
        """The row as one line of JSON, its schema first."""
        return json.dumps({"schema": ROW_SCHEMA, **asdict(self)}, allow_nan=False).encode() + b"\n"


@dataclass(frozen=True)
class ActionTrace:
    """Actions of one episode at the frames for which the policy was queried: the first of each chunk, as predicted and
    as recorded, in declared units.
    """

    frames: Int64[np.ndarray, " N"]
    predicted: Float32[np.ndarray, "N A"]
    recorded: Float32[np.ndarray, "N A"]


class OfflineStore:
    """Writes the files of an offline evaluation. An episode is on the disk when `append` returns.

    One process at a time holds the files, from `begin` until `close`.
    """

    def __init__(self, out: Path):
        self._out = out
        self._writer: RowWriter | None = None
        self._lock = Lock(out.with_name(f".{out.name}.lock"), out)

    def begin(self, meta: Mapping[str, Any], resume: bool) -> list[OfflineRow]:
        """Lock the files and return the rows of an earlier, killed run, whose fingerprint must be equal.

        Raises:
            PraxiaError: the files exist and `resume` is False, or another process is writing them.
            MismatchError: the earlier run was a different evaluation. Names the differences.
        """
        self._lock.acquire()
        out = self._out
        if has_earlier_run(out, resume):
            expect_same_fingerprint(out, _read_meta(out)["fingerprint"], meta["fingerprint"])
        else:
            write_atomic(meta_path(out), json.dumps(meta, indent=1) + "\n")
        remove_leftovers(out.parent, out.name)
        remove_leftovers(_trace_path(out, 0).parent)
        if out.exists():
            cut_incomplete_line(out)
        rows = _read_rows(out) if out.exists() else []
        self._writer = RowWriter(out)
        return rows

    def append(self, row: OfflineRow, trace: ActionTrace) -> None:
        """Write one episode, its actions first, so that no row lacks them."""
        assert self._writer is not None, "append before begin"
        path = _trace_path(self._out, row.episode)
        path.parent.mkdir(exist_ok=True)
        write_atomic(path, save({name: np.ascontiguousarray(value) for name, value in vars(trace).items()}))
        self._writer.append(row)

    def close(self) -> None:
        """Unlock the files."""
        if self._writer is not None:
            self._writer.close()
        self._lock.release()


def is_offline_file(path: Path) -> bool:
    """Whether a file holds the rows of an offline evaluation, of any schema."""
    if not path.is_file():
        return False
    try:
        meta = parse_meta(path)
    except DataError:
        meta = None
    if isinstance(meta, dict):
        return str(meta.get("schema")).startswith("praxia.offline.")
    with path.open("rb") as file:
        return file.readline().startswith(b'{"schema": "praxia.offline_row.')


def read_offline(path: Path) -> tuple[list[OfflineRow], dict[str, Any]]:
    """The rows of an offline evaluation and its metadata.

    Raises:
        DataError: a file that is missing, damaged or of another schema, or that has no row yet. Names the line.
    """
    meta = _read_meta(path)
    if not path.is_file() or not (rows := _read_rows(path)):
        raise DataError(f"{path} has no rows yet: finish it with the same `praxia eval` and --resume")
    return rows, meta


def read_trace(out: Path, episode: int) -> ActionTrace:
    """The actions of one episode of the offline evaluation `out`.

    Raises:
        DataError: they are missing or damaged.
    """
    path = _trace_path(out, episode)
    try:
        return ActionTrace(**load_file(path))
    except (OSError, SafetensorError, TypeError) as error:
        raise DataError(f"{path} cannot be read ({error}): evaluate again to draw episode {episode}") from error


def _trace_path(out: Path, episode: int) -> Path:
    return out.with_name(f"{out.name}.actions") / f"{episode:06d}.safetensors"


def _read_meta(out: Path) -> dict[str, Any]:
    path, meta = meta_path(out), parse_meta(out)
    schema = meta.get("schema") if isinstance(meta, dict) else None
    if schema != META_SCHEMA:
        raise DataError(
            f"{path} has schema {schema!r}, expected {META_SCHEMA!r} as `praxia eval POLICY --data SET` writes it;"
            " evaluate again into another file"
        )
    return meta


def _read_rows(path: Path) -> list[OfflineRow]:
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        raise DataError(
            f"{path} ends in the middle of a row because its evaluation was stopped: finish it with the same"
            " `praxia eval` and --resume"
        )
    rows = [_parse(path, number, line) for number, line in enumerate(complete_lines(path), 1)]
    numbers = [row.episode for row in rows]
    if len(set(numbers)) < len(numbers):
        twice = max(numbers, key=numbers.count)
        raise DataError(f"{path} has episode {twice} twice: expected one row per episode; evaluate again")
    return rows


def _parse(path: Path, number: int, line: str | bytes) -> OfflineRow:
    advice = f"expected a row of schema {ROW_SCHEMA!r}; evaluate again with `praxia eval POLICY --data SET`"
    try:
        value = json.loads(line)
        schema = value.pop("schema")
        wanted = {one.name for one in fields(OfflineRow)}
        if schema != ROW_SCHEMA or set(value) != wanted:
            raise DataError(f"{path} line {number} has schema {schema!r} and fields {sorted(value)}: {advice}")
        errors = {name: ActionErrors(**value[name]) for name in ("policy", "baseline")}
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} line {number} is damaged ({type(error).__name__}): {advice}") from error
    return OfflineRow(**{**value, **errors})


def summarise_offline(rows: Sequence[OfflineRow]) -> dict[str, Any]:
    """Means over episodes with their 95% t intervals, for policy and baseline, and the ratio of both means.

    Every episode counts once, whatever its length. A step of the chunk has the mean over the episodes that reach it,
    and None where none does. "ratio" is below 1 where the policy is closer to the recorded actions than the baseline;
    None where the baseline makes no error.
    """
    found: dict[str, Any] = {"episodes": len(rows), "frames": sum(row.frames for row in rows)}
    for who in ("policy", "baseline"):
        found[who] = _summarise([getattr(row, who) for row in rows])
    found["ratio"] = _ratios(found["policy"], found["baseline"])
    return {**found, "intervals": INTERVAL, "note": NOTE}


def _summarise(errors: Sequence[ActionErrors]) -> dict[str, Any]:
    found: dict[str, Any] = {name: _mean(getattr(one, name) for one in errors) for name in METRICS}
    for name in METRICS:
        per_dim = [getattr(one, f"{name}_per_dim") for one in errors]
        found[f"{name}_per_dim"] = {dim: _mean(one[dim] for one in per_dim) for dim in per_dim[0]}
        per_step = [getattr(one, f"{name}_per_step") for one in errors]
        found[f"{name}_per_step"] = [_mean(steps) for steps in zip(*per_step, strict=True)]
    return found


def _mean(values: Iterable[float | None]) -> dict[str, Any] | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    interval = t_interval(known)
    return {"mean": sum(known) / len(known), "ci95": None if interval is None else list(interval)}


def _ratios(policy: Mapping[str, Any], baseline: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in METRICS:
        per_dim, per_step = f"{name}_per_dim", f"{name}_per_step"
        found[name] = _ratio(policy[name], baseline[name])
        found[per_dim] = {dim: _ratio(one, baseline[per_dim][dim]) for dim, one in policy[per_dim].items()}
        found[per_step] = [_ratio(*both) for both in zip(policy[per_step], baseline[per_step], strict=True)]
    return found


def _ratio(ours: Mapping[str, Any] | None, theirs: Mapping[str, Any] | None) -> float | None:
    return ours["mean"] / theirs["mean"] if ours and theirs and theirs["mean"] else None


def compare_offline(a: Path, b: Path) -> dict[str, Any]:
    """The mean difference of the errors of two policies, paired by episode, with its 95% t interval.

    "lower" is "a" or "b" where the interval excludes 0, and "undecided" otherwise. Chunks of two lengths are compared
    over the steps that both have.

    Raises:
        MismatchError: the files are of other data, episodes or strides, or of dims with other names. Names both.
        DataError: a file is incomplete or damaged.
    """
    (rows_a, meta_a), (rows_b, meta_b) = read_offline(a), read_offline(b)
    for path, rows, meta in ((a, rows_a, meta_a), (b, rows_b, meta_b)):
        if missing := len(meta["fingerprint"]["episodes"]) - len(rows):
            raise DataError(
                f"{path} lacks {missing} of its episodes: finish it with the same `praxia eval` and --resume"
            )
    if changes := differences(_compared(meta_a), _compared(meta_b), words=("is", "but")):
        raise MismatchError(
            f"{a} and {b} are not of the same recorded actions ({changes}): evaluate both with the same --data,"
            " --episodes and --stride"
        )
    horizon = min(len(rows_a[0].num_compared), len(rows_b[0].num_compared))
    by_number = {row.episode: row for row in rows_b}
    pairs = [(row, by_number[row.episode]) for row in rows_a]
    found: dict[str, Any] = {"kind": "offline comparison", "episodes": len(pairs), "chunk_steps": horizon}
    for name in METRICS:
        means = [(_over_steps(one, name, horizon), _over_steps(other, name, horizon)) for one, other in pairs]
        found[name] = _difference(means)
    return {**found, "intervals": INTERVAL, "note": NOTE}


def _compared(meta: Mapping[str, Any]) -> dict[str, Any]:
    """What must be equal for two files to be about the same actions."""
    fingerprint = meta["fingerprint"]
    data = {name: value for name, value in fingerprint["data"].items() if name != "view"}
    return {"data": data, **{name: fingerprint[name] for name in ("stride", "episodes", "dims")}}


def _over_steps(row: OfflineRow, name: str, horizon: int) -> float:
    """The mean error over the first `horizon` steps of the chunks of an episode."""
    counts = row.num_compared[:horizon]
    means = getattr(row.policy, f"{name}_per_step")[:horizon]
    return sum(count * mean for count, mean in zip(counts, means, strict=True) if count) / sum(counts)


def _difference(means: Sequence[tuple[float, float]]) -> dict[str, Any]:
    differences = [one - other for one, other in means]
    interval = t_interval(differences)
    lower = "undecided"
    if interval is not None and (interval[1] < 0 or interval[0] > 0):
        lower = "a" if interval[1] < 0 else "b"
    return {
        "means": [sum(each) / len(means) for each in zip(*means, strict=True)],
        "difference": sum(differences) / len(differences),
        "ci95": None if interval is None else list(interval),
        "lower": lower,
    }
