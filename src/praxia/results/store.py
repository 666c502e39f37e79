"""One evaluation on disk, and how to film any of its episodes again.

`F.jsonl` holds the rows, `F.jsonl.meta.json` what produced them, and `F.jsonl.actions/<start>.safetensors` what each
episode executed, with its environment and start: enough to replay it exactly. Names are put behind the file's whole
name: "model.v1" and "model.v2" are two evaluations. Older versions wrote `F.actions`, which is still read.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from praxia.core.errors import DataError, MismatchError, PraxiaError
from praxia.core.files import sweep, write_whole
from praxia.core.keys import canonical_json
from praxia.core.lock import Lock
from praxia.core.types import EnvSpec, Start
from praxia.results.differences import differences
from praxia.results.rows import Row, RowWriter, read_rows, recover_rows, write_rows

__all__ = ["META", "Replay", "ResultsStore", "read_meta", "read_replay"]

# What is put behind the name of a results file for what produced its rows.
META = ".meta.json"

# A commit changes these without changing what is computed: the hash of the source is compared instead.
_NOT_COMPARED = ("revision", "dirty")

# Without these entries of its fingerprint nobody can say what results are of.
_IDENTITY = frozenset(("benchmark", "policy_sha256", "control"))


@dataclass(frozen=True)
class Replay:
    """An episode as it can be run again: reset `spec` to `start`, then apply `actions`."""

    spec: EnvSpec
    start: Start
    actions: Float32[np.ndarray, "T A"]


class ResultsStore:
    """The files of an evaluation under way: each episode is safe when `append` returns.

    One process has them at a time, from its first `check` or `begin` until `close`.
    """

    def __init__(self, out: Path):
        self._out = out
        self._writer: RowWriter | None = None
        self._lock = Lock(out.with_name(f".{out.name}.lock"), out, shared=True)

    def begin(self, meta: Mapping[str, Any], resume: bool) -> list[Row]:
        """Claim the files and return the rows that an earlier, killed run left.

        `meta` is a JSON value with a "fingerprint": a resumed run must have the earlier one's. It may have
        more episodes "planned" than that; their number is then written beside the rows.

        Raises:
            PraxiaError: the files are there and `resume` was not asked for, or the earlier run stopped when it was
                decided and this one says that it will not. Or another process is writing them.
            MismatchError: the earlier run was another evaluation. Names what differs.
        """
        self.check(meta, resume)
        _actions_folder(self._out).mkdir(parents=True, exist_ok=True)
        if not _meta_path(self._out).exists():
            self._write_meta(meta)
        elif (old := read_meta(self._out)).get("planned", 0) < meta.get("planned", 0):
            self._write_meta({**old, "planned": meta["planned"]})
        sweep(self._out.parent, self._out.name)
        sweep(_actions_folder(self._out))
        rows = recover_rows(self._out) if self._out.exists() else []
        self._writer = RowWriter(self._out)
        return rows

    def check(self, meta: Mapping[str, Any], resume: bool) -> None:
        """Raises what `begin` raises; nobody else can write the files afterwards, and nothing else is changed."""
        self._lock.hold()
        meta_path = _meta_path(self._out)
        if self._out.is_dir():
            raise PraxiaError(f"expected --out to be a file (X.jsonl), got the folder {self._out}; name a file in it")
        if not resume and (self._out.exists() or meta_path.exists()):
            raise PraxiaError(
                f"{self._out} already holds an evaluation: choose another --out, or finish it with --resume"
            )
        if meta_path.exists():
            old = read_meta(self._out)
            self._compare(old["fingerprint"], json.loads(json.dumps(meta["fingerprint"])))
            if old.get("until_decided") and meta.get("until_decided") is False:
                raise PraxiaError(
                    f"{self._out} is of a comparison that stopped when it was decided, which cannot become one of a"
                    " fixed number of pairs: use --until-decided, or choose another --out"
                )
        elif self._out.exists():
            raise PraxiaError(f"{self._out} cannot be resumed without {meta_path.name} beside it: choose another --out")

    def mark_until_decided(self) -> None:
        """Write beside the rows that how many there are depends on what they say."""
        meta = read_meta(self._out)
        if not meta.get("until_decided"):
            self._write_meta({**meta, "until_decided": True})

    def _write_meta(self, meta: Mapping[str, Any]) -> None:
        write_whole(_meta_path(self._out), json.dumps(meta, indent=1) + "\n")

    def append(self, row: Row, replay: Replay) -> None:
        """Keep one episode: its actions first, so that no row lacks them."""
        assert self._writer is not None, "append before begin"
        about = {"spec": canonical_json(asdict(replay.spec)), "start": canonical_json(replay.start.to_json())}
        write_whole(_actions_path(self._out, row.start), save({"actions": replay.actions}, about))
        self._writer.append(row)

    def finish(self, starts: Sequence[str]) -> list[Row]:
        """Put the rows in the order of their `starts`, whatever order they ended in, and return them."""
        self._close_rows()
        place = {start: at for at, start in enumerate(starts)}
        rows = sorted(read_rows(self._out), key=lambda row: place[row.start])
        write_rows(self._out, rows)
        return rows

    def close(self) -> None:
        """Let others write the files."""
        self._close_rows()
        self._lock.release()

    def _close_rows(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _compare(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        if new.get("weights_sha256") and "weights_sha256" not in old:
            raise MismatchError(
                f"{self._out} was begun by an earlier version of Praxia, which knew a policy by its weights alone, so"
                " nobody can say that it was this one: finish it with that version, or choose another --out"
            )
        if changes := differences(old, new, _NOT_COMPARED):
            raise MismatchError(f"{self._out} was begun differently ({changes}): undo that, or choose another --out")


def read_meta(out: Path) -> dict[str, Any]:
    """What produced the rows of `out`.

    Raises:
        DataError: the file beside the rows is not there, not JSON, or does not say what was judged.
    """
    path = _meta_path(out)
    try:
        meta = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({type(error).__name__}): expected it beside {out.name}") from error
    fingerprint = meta.get("fingerprint") if isinstance(meta, dict) else None
    if not isinstance(fingerprint, dict) or not fingerprint.keys() >= _IDENTITY:
        raise DataError(f"{path} has no whole fingerprint: expected what `praxia eval` writes beside {out.name}")
    return meta


def read_replay(out: Path, start: str) -> Replay:
    """How to run the episode of `out` that began at the start of key `start` again.

    Raises:
        DataError: its actions are not there or damaged.
    """
    path = _actions_path(out, start)
    if not path.is_file() and (older := out.with_suffix(".actions") / path.name).is_file():
        path = older
    try:
        with safe_open(path, framework="numpy") as file:
            about, actions = file.metadata(), file.get_tensor("actions")
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} cannot be read ({error}): evaluate again to film episode {start}") from error
    spec, where = json.loads(about["spec"]), json.loads(about["start"])
    return Replay(EnvSpec(**{**spec, "wrappers": tuple(spec["wrappers"])}), Start(**where), actions)


def _meta_path(out: Path) -> Path:
    return out.with_name(f"{out.name}{META}")


def _actions_folder(out: Path) -> Path:
    return out.with_name(f"{out.name}.actions")


def _actions_path(out: Path, start: str) -> Path:
    return _actions_folder(out) / f"{start}.safetensors"
