"""What the operating system refuses, in one line: a full disk, a folder that cannot be made, no connection."""

import errno
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

__all__ = ["in_one_line"]

# By the name that the system gives the error: what is wrong with a path, and what to do next.
REFUSALS = {
    "ENOSPC": "no space left on the disk of {path}; free some, and run the same command again{resume}",
    "EDQUOT": "your quota on the disk of {path} is used up; free some space, and run the same command again{resume}",
    "EFBIG": "{path} would be larger than a file may be there; see `ulimit -f`, or choose another disk",
    "EACCES": "no permission for {path}; choose another path, or ask its owner",
    "EPERM": "no permission for {path}; choose another path, or ask its owner",
    "EROFS": "{path} is on a disk that can only be read; choose another path",
    "ENOTDIR": "a part of {path} is a file and not a folder; choose another path",
    "EEXIST": "expected a folder at {path}, but something else is there; choose another path",
    "EISDIR": "expected {path} to be a file, but it is a folder; choose another path",
    "ENOTEMPTY": "expected {path} to be empty, but it is not; choose another path",
    "ENAMETOOLONG": "the name {path} is too long for the disk; choose a shorter one",
    "EILSEQ": "the disk does not take the name {path}; choose another one",
    "ELOOP": "links lead from {path} back to itself; choose another path",
    "EXDEV": "{path} reaches over two disks; choose a path on one of them",
    "EIO": "the disk of {path} failed; look at `dmesg`",
    "ESTALE": "the network disk of {path} has gone; mount it again",
    "EMFILE": "too many files are open ({path}); allow more with `ulimit -n 4096`",
    "ENFILE": "too many files are open on this machine ({path}); close some programs",
    "ENOMEM": "no memory left ({path}); use fewer --workers or smaller batches",
    "EAGAIN": "the system starts no more processes or threads; use fewer --workers, or see `ulimit -u`",
}

# The verbs that refuse a place where they were begun, unless they are to go on.
RESUMABLE = ("collect", "train", "eval", "compare")

# Whose errors say that another machine cannot be reached, or refuses: libraries that fsspec's drivers use.
NETWORK = ("socket", "ssl", "http", "urllib", "aiohttp", "requests", "botocore", "huggingface_hub")


def in_one_line(error: OSError, arguments: Sequence[str]) -> str | None:
    """What stopped a command with these arguments; None if that was no refusal, but a fault of ours.

    A missing file is a refusal only where the user named it.
    """
    number = errno.errorcode.get(error.errno or 0, "")
    if number in REFUSALS:
        goes_on = arguments[0] in RESUMABLE and "--resume" not in arguments
        return REFUSALS[number].format(path=_path(error, arguments), resume=" with --resume" if goes_on else "")
    whose = type(error).__module__.split(".")[0]
    if whose in NETWORK or isinstance(error, ConnectionRefusedError | TimeoutError):
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return f"another machine cannot be reached ({said}); check the address and the network, and run it again"
    if number == "ENOENT" and any(_about(str(error.filename), word) for word in arguments):
        return f"expected a file or folder {error.filename}, but it is not there; choose another path"
    return None


def _about(path: str, word: str) -> bool:
    """Whether a path is a word of the command, in it, or a file that was to be made for it beside it."""
    folder = os.path.dirname(word)
    return path == word or path.startswith(f"{word.rstrip('/')}/") or (folder != "" and folder == os.path.dirname(path))


def _path(error: OSError, arguments: Sequence[str]) -> str:
    """What the error is about: what the command was to make, also where that is a file in it or beside it.

    Who writes to an open file is not told its name.
    """
    words = [part for word in arguments for part in (word.split("=", 1) if word.startswith("--out=") else [word])]
    out = next((value for option, value in pairwise(words) if option == "--out"), None)
    if error.filename is None:
        return out or "what this command writes"
    named = str(error.filename2 or error.filename)
    return out if out is not None and _made_for(Path(out).absolute(), Path(named).absolute()) else named


def _made_for(out: Path, path: Path) -> bool:
    """Whether a path is in `out`, or is called after it: `.out.partial`, `out.actions`."""
    return out in path.parents or (out.parent == path.parent and path.name.lstrip(".").startswith(out.stem))
