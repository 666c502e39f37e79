"""Begin a recording: which folder may be written to, and the episodes that a resumed recording already has."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from praxia.core.errors import MismatchError, PraxiaError
from praxia.core.files import write_atomic
from praxia.core.keys import canonical_json
from praxia.core.lock import Lock
from praxia.data.layout import PLAN, RECORDS, STAGING, committed, num_staged, out_of_space
from praxia.data.staging import verify_staged

__all__ = ["begin_recording", "recording_lock"]


@contextmanager
def recording_lock(root: Path) -> Iterator[None]:
    """Hold the lock for recording into `root` and finalizing it; a finished data set needs none.

    Raises:
        PraxiaError: another process holds it. Names the process.
        RecordingError: the disk is full.
    """
    if committed(root):
        yield
        return
    new, lock = not root.exists(), Lock(root / STAGING / ".lock", root, shared=True)
    with out_of_space(root, "beginning the recording"):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
        with suppress(OSError):  # something is in it
            (root / STAGING).rmdir()
            if new:
                root.rmdir()


def begin_recording(root: str | Path, plan: Mapping[str, Any], *, resume: bool = False) -> list[int]:
    """Claim `root` for the recording that `plan` (any JSON value) describes; the indices it already has, in order.

    If other processes may record there too, hold the `recording_lock`.

    With `resume`, a killed recording of the same plan continues; a finished one returns all its indices, and `finalize`
    then has nothing to do.

    Raises:
        PraxiaError: `root` holds something else, or an unfinished recording and `resume` is not set.
        MismatchError: `resume`, but that recording has another plan.
    """
    root = Path(root)
    plan_file = root / PLAN if committed(root) else root / STAGING / "plan.json"
    if plan_file.is_file():
        if not resume:
            kind = (
                "a finished data set" if committed(root) else f"an unfinished recording ({num_staged(root)} episodes)"
            )
            raise PraxiaError(f"{root} already holds {kind}; choose another --out, or add --resume to go on with it")
        _same_plan(root, json.loads(plan_file.read_bytes()), plan)
    elif root.exists() and any(path.name != STAGING for path in root.iterdir()):
        raise PraxiaError(f"expected an empty or new folder for the data set, got {root} with files in it")
    if committed(root):
        shutil.rmtree(root / STAGING, ignore_errors=True)
        return [json.loads(line)["start_index"] for line in (root / RECORDS).read_text().splitlines()]
    with out_of_space(root, "beginning the recording"):
        (root / STAGING).mkdir(parents=True, exist_ok=True)
        write_atomic(root / STAGING / "plan.json", canonical_json(plan).encode())
    return verify_staged(root)


def _same_plan(root: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    new = json.loads(canonical_json(new))
    different = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    if different:
        changes = ", ".join(f"{name} was {old.get(name)!r} and is now {new.get(name)!r}" for name in different)
        raise MismatchError(
            f"{root} was begun differently: {changes}. Resume with the same options or choose another --out"
        )
