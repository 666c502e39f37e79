"""What produced a result: versions, source and machine, without which success rates cannot be compared."""

import hashlib
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["code", "machine", "source_sha256", "versions"]

_PACKAGES = ("praxia", "numpy", "mujoco", "metaworld", "gym-pusht", "pymunk", "shapely", "torch")


def versions() -> dict[str, str | None]:
    """The versions of Python and of every package whose arithmetic results depend on; None: not installed.

    It imports none of them.
    """
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def code(package: Path = Path(__file__).parents[1]) -> dict[str, Any]:
    """`{source_sha256, revision, dirty}` of a package folder: the hash of its source and the state of its git
    checkout.
    """
    tracked = _git(package, "ls-files", "--error-unmatch", "__init__.py") is not None
    changes = _git(package, "status", "--porcelain", "--", ".") if tracked else None
    return {
        "source_sha256": source_sha256(package),
        "revision": _git(package, "rev-parse", "HEAD") if tracked else None,
        "dirty": bool(changes) if tracked else None,
    }


def source_sha256(package: Path) -> str:
    """SHA-256 of the Python source of a package folder, or of a module in one file."""
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py")) or [package]:
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(package).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def machine() -> dict[str, str]:
    """The kind of machine: processor and operating system. Nothing identifies the machine itself."""
    return {
        "cpu": _cpu_model(),
        "system": f"{platform.system()} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()),
    }


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
