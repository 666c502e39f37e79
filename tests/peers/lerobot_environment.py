"""The `lerobot` package in an environment of its own, and our scripts run inside it."""

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
    """The python of the peer's environment, installed if it is not there yet."""
    folder = folder.absolute()
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        print(f"installing {LEROBOT} into {folder} (minutes, 8 GB)", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", LEROBOT], check=True, stdout=sys.stderr)
        (folder / "installed").write_text(LEROBOT + "\n")
    return python


def run_inside(python: Path, script: str, folder: Path, ask: dict[str, Any]) -> dict[str, Any]:
    """Run one of the scripts beside this file on `folder`: it reads `ask.json` there and leaves `answer.json`.

    Off the network, and with the package's own caches in `folder` too.
    """
    (folder / "ask.json").write_text(json.dumps(ask))
    offline = {
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "SVT_LOG": "1",
        "PYTHONWARNINGS": "ignore",
    }
    command = [python, Path(__file__).with_name(script), folder]
    subprocess.run(command, check=True, stdout=sys.stderr, env=os.environ | offline)
    return json.loads((folder / "answer.json").read_text())
