"""The files of one evaluation, from which any of its episodes can be replayed.

`F.jsonl` holds the rows, `F.jsonl.meta.json` what produced them, and `F.jsonl.actions/<start>.safetensors` the actions
that each episode executed, with its environment and start: enough to replay it exactly. Repeat 1 of a start is
`<start>-1.safetensors`. Suffixes are appended to the full name of the file, so "model.v1" and "model.v2" are two
evaluations. The folder `F.actions` of earlier versions is still read.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from praxia.core.errors import DataError, MismatchError, PraxiaError
from praxia.core.files import remove_leftovers, write_atomic
from praxia.core.keys import canonical_json
from praxia.core.lock import Lock
from praxia.core.types import EnvSpec, Start
from praxia.results.meta import expect_same_fingerprint, has_earlier_run, meta_path, read_meta
from praxia.results.rows import Row, RowWriter, read_rows, recover_rows, write_rows

__all__ = ["Replay", "ResultsStore", "read_replay"]


@dataclass(frozen=True)
class Replay:
    """What it takes to run an episode again: reset `spec` to `start`, then apply `actions`."""

    spec: EnvSpec
    start: Start
    actions: Float32[np.ndarray, "T A"]


class ResultsStore:
    """Writes the files of a running evaluation. An episode is on the disk when `append` returns.

    One process at a time holds the files, from its first `check` or `begin` until `close`.
    """

    def __init__(self, out: Path):
        self._out = out
        self._writer: RowWriter | None = None
        self._lock = Lock(out.with_name(f".{out.name}.lock"), out, shared=True)

    def begin(self, meta: Mapping[str, Any], resume: bool) -> list[Row]:
        """Lock the files and return the rows of an earlier, killed run.

        `meta` is a JSON value with a "fingerprint", which must equal that of the earlier run. It may have more episodes
        "planned", whose number is then written beside the rows.

        Raises:
            PraxiaError: the files exist and `resume` is False, the earlier run stopped when it was decided and this one
                has a fixed number of pairs, or another process is writing the files.
            MismatchError: the earlier run was a different evaluation. Names the differences.
        """
        self.check(meta, resume)
        _actions_folder(self._out).mkdir(parents=True, exist_ok=True)
        if not meta_path(self._out).exists():
            self._write_meta(meta)
        elif (old := read_meta(self._out)).get("planned", 0) < meta.get("planned", 0):
            self._write_meta({**old, "planned": meta["planned"]})
        remove_leftovers(self._out.parent, self._out.name)
        remove_leftovers(_actions_folder(self._out))
        rows = recover_rows(self._out) if self._out.exists() else []
        self._writer = RowWriter(self._out)
        return rows

    def check(self, meta: Mapping[str, Any], resume: bool) -> None:
        """Lock the files and raise what `begin` would raise, without changing them."""
        self._lock.acquire()
        if has_earlier_run(self._out, resume):
            old = read_meta(self._out)
            self._compare(old["fingerprint"], meta["fingerprint"])
            if old.get("until_decided") and meta.get("until_decided") is False:
                raise PraxiaError(
                    f"{self._out} belongs to a comparison that stopped when it was decided, which cannot become one"
                    " with a fixed number of pairs: use --until-decided, or choose another --out"
                )

    def mark_until_decided(self) -> None:
        """Record beside the rows that their number depends on their outcomes."""
        meta = read_meta(self._out)
        if not meta.get("until_decided"):
            self._write_meta({**meta, "until_decided": True})

    def _write_meta(self, meta: Mapping[str, Any]) -> None:
        write_atomic(meta_path(self._out), json.dumps(meta, indent=1) + "\n")

    def append(self, row: Row, replay: Replay) -> None:
        """Write one episode, its actions first, so that no row lacks them."""
        assert self._writer is not None, "append before begin"
        header = {"spec": canonical_json(replay.spec.to_json()), "start": canonical_json(replay.start.to_json())}
        write_atomic(_actions_path(self._out, row.start, row.repeat), save({"actions": replay.actions}, header))
        self._writer.append(row)

    def finish(self, episodes: Sequence[tuple[str, int]]) -> list[Row]:
        """Sort the rows, which are in the order in which they ended, by `episodes` (`Row.episode`), and return them."""
        self._close_rows()
        order = {episode: index for index, episode in enumerate(episodes)}
        rows = sorted(read_rows(self._out, repeats=True), key=lambda row: order[row.episode])
        write_rows(self._out, rows)
        return rows

    def close(self) -> None:
        """Unlock the files."""
        self._close_rows()
        self._lock.release()

    def _close_rows(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _compare(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        if new.get("weights_sha256") and "weights_sha256" not in old:
            raise MismatchError(
                f"{self._out} was begun by an earlier version of Praxia, which identified a policy by its weights"
                " alone, so it may have been another policy: finish it with that version, or choose another --out"
            )
        expect_same_fingerprint(self._out, old, new)


def read_replay(out: Path, start: str, repeat: int = 0) -> Replay:
    """The episode of the results file `out` that began at the start with the key `start`; several did with repeats.

    Raises:
        DataError: its actions are missing or damaged.
    """
    path = _actions_path(out, start, repeat)
    if not path.is_file() and (older := out.with_suffix(".actions") / path.name).is_file():
        path = older
    try:
        with safe_open(path, framework="numpy") as file:
            header, actions = file.metadata(), file.get_tensor("actions")
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} cannot be read ({error}): evaluate again to replay episode {start}") from error
    spec, begin = json.loads(header["spec"]), json.loads(header["start"])
    return Replay(EnvSpec.from_json(spec), Start(**begin), actions)


def _actions_folder(out: Path) -> Path:
    return out.with_name(f"{out.name}.actions")


def _actions_path(out: Path, start: str, repeat: int) -> Path:
    return _actions_folder(out) / f"{start if repeat == 0 else f'{start}-{repeat}'}.safetensors"
