"""Clients of other projects in environments of their own, and `praxia serve` for them to ask."""

import json
import os
import re
import subprocess
import sys
import threading
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["KEY", "ask", "install", "serving"]

TIMEOUT_S = 300.0
KEY = "a secret"


def install(folder: Path, packages: Sequence[str]) -> Path:
    """The Python of an environment with `packages`, installed on first use."""
    python = folder.absolute() / "bin" / "python"
    if not (folder / "installed").exists():
        print(f"installing {packages[0]} into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True, stdout=sys.stderr)
        (folder / "installed").write_text(f"{packages[0]}\n")
    return python


@contextmanager
def serving(*arguments: str, timeout_s: float = TIMEOUT_S) -> Iterator[int]:
    """The port of a `praxia serve` with these arguments, which wants the key `KEY`; it ends after `timeout_s`."""
    command = [sys.executable, "-m", "praxia", "serve", *arguments, "--port", "0"]
    environment = {**os.environ, "PRAXIA_API_KEY": KEY}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        watchdog = threading.Timer(timeout_s, process.kill)
        watchdog.start()
        try:
            assert process.stderr is not None
            found = next(filter(None, (re.search(r"listening on ws://127.0.0.1:(\d+)", one) for one in process.stderr)))
            yield int(found[1])
        finally:
            process.terminate()
            process.communicate(timeout=TIMEOUT_S)
            watchdog.cancel()


def ask(python: Path, script: str, folder: Path, request: dict[str, Any]) -> dict[str, np.ndarray]:
    """Run a script of this folder in the environment of `python`; the arrays that it wrote."""
    (folder / "request.json").write_text(json.dumps({"key": KEY, **request}))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [python, Path(__file__).with_name(script), folder]
    subprocess.run(command, check=True, timeout=TIMEOUT_S, env=environment)
    return dict(np.load(folder / "response.npz", allow_pickle=False))
