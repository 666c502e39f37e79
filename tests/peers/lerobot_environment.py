"""The `lerobot` package in its own environment, and our scripts inside it."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

__all__ = ["FOLDER", "peer", "run_inside"]

LEROBOT = "lerobot==0.4.4"
FOLDER = Path("build/lerobot-venv")


def peer(folder: Path) -> Path:
    """The Python of the peer's environment, installed on first use."""
    folder = folder.absolute()
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        print(f"installing {LEROBOT} into {folder} (minutes, 8 GB)", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", LEROBOT], check=True, stdout=sys.stderr)
        (folder / "installed").write_text(LEROBOT + "\n")
    return python


def run_inside(python: Path, script: str, folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Run a script of this folder on `folder`, where it reads `request.json` and writes `response.json`.

    It runs offline, and with the package's caches in `folder`.
    """
    (folder / "request.json").write_text(json.dumps(request))
    offline = {
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "SVT_LOG": "1",
        "PYTHONWARNINGS": "ignore",
    }
    command = [python, Path(__file__).with_name(script), folder]
    subprocess.run(command, check=True, stdout=sys.stderr, env=os.environ | offline)
    return json.loads((folder / "response.json").read_text())
