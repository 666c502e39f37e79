"""Describes errors of the operating system in one line: a full disk, a missing permission, no connection."""

import errno
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

__all__ = ["describe_system_error"]

# By the name of the error: what is wrong with the path, and what to do next.
MESSAGES = {
    "ENOSPC": "no space left on the disk of {path}; free some, and run the same command again{resume}",
    "EDQUOT": "your quota on the disk of {path} is used up; free some space, and run the same command again{resume}",
    "EFBIG": "{path} would exceed the maximum file size; see `ulimit -f`, or choose another disk",
    "EACCES": "no permission for {path}; choose another path, or ask its owner",
    "EPERM": "no permission for {path}; choose another path, or ask its owner",
    "EROFS": "{path} is on a read-only disk; choose another path",
    "ENOTDIR": "a part of {path} is a file and not a folder; choose another path",
    "EEXIST": "expected a folder at {path}, but another file is there; choose another path",
    "EISDIR": "expected {path} to be a file, but it is a folder; choose another path",
    "ENOTEMPTY": "expected {path} to be empty, but it is not; choose another path",
    "ENAMETOOLONG": "the name {path} is too long for the disk; choose a shorter one",
    "EILSEQ": "the disk does not support the name {path}; choose another one",
    "ELOOP": "{path} is a loop of symbolic links; choose another path",
    "EXDEV": "{path} spans two disks; choose a path on one of them",
    "EIO": "the disk of {path} failed; look at `dmesg`",
    "ESTALE": "the network disk of {path} is gone; mount it again",
    "EMFILE": "too many files are open ({path}); allow more with `ulimit -n 4096`",
    "ENFILE": "too many files are open on this machine ({path}); close some programs",
    "ENOMEM": "no memory left ({path}); use fewer --workers or smaller batches",
    "EADDRINUSE": "another program listens on this port; choose another --port, or 0 for a free one",
    "EADDRNOTAVAIL": "the value of --host is no address of this machine; choose another, such as 127.0.0.1 or 0.0.0.0",
    "EAGAIN": "the system cannot start more processes or threads; use fewer --workers, or see `ulimit -u`",
}

# Verbs that need --resume to continue in an existing folder or file.
RESUMABLE = ("collect", "train", "eval", "compare")

# Modules whose errors mean that another machine cannot be reached, or refuses: those that drivers of fsspec use.
NETWORK = ("socket", "ssl", "http", "urllib", "aiohttp", "requests", "botocore", "huggingface_hub")


def describe_system_error(error: OSError, arguments: Sequence[str]) -> str | None:
    """The reason why a command with these arguments failed; None: `error` is a fault of Praxia.

    A missing file is the user's error only where the user named it.
    """
    number = errno.errorcode.get(error.errno or 0, "")
    if number in MESSAGES:
        needs_resume = arguments[0] in RESUMABLE and "--resume" not in arguments
        return MESSAGES[number].format(path=_path(error, arguments), resume=" with --resume" if needs_resume else "")
    module = type(error).__module__.split(".")[0]
    if module in NETWORK or isinstance(error, ConnectionRefusedError | TimeoutError):
        message = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return f"another machine cannot be reached ({message}); check the address and the network, and run it again"
    if number == "ENOENT" and any(_concerns(str(error.filename), argument) for argument in arguments):
        return f"expected a file or folder {error.filename}, but it does not exist; choose another path"
    return None


def _concerns(path: str, argument: str) -> bool:
    """Whether `path` is the argument, in it, or a file beside it."""
    folder = os.path.dirname(argument)
    if path == argument or path.startswith(f"{argument.rstrip('/')}/"):
        return True
    return folder != "" and folder == os.path.dirname(path)


def _path(error: OSError, arguments: Sequence[str]) -> str:
    """The path that the error concerns. A file in or beside the value of --out is reported as that value.

    Errors of writing to an open file have no file name.
    """
    tokens = [token for one in arguments for token in (one.split("=", 1) if one.startswith("--out=") else [one])]
    out = next((value for option, value in pairwise(tokens) if option == "--out"), None)
    if error.filename is None:
        return out or "the output of this command"
    named = str(error.filename2 or error.filename)
    return out if out is not None and _belongs_to(Path(out).absolute(), Path(named).absolute()) else named


def _belongs_to(out: Path, path: Path) -> bool:
    """Whether `path` is in `out` or is named after it: `.out.partial`, `out.actions`."""
    return out in path.parents or (out.parent == path.parent and path.name.lstrip(".").startswith(out.stem))
