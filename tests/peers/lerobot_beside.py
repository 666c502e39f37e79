"""Do Praxia and the `lerobot` package share one environment?

    python tests/peers/lerobot_beside.py [--resolve-only] [--venv build/lerobot-venv]

First pip resolves both in one environment without installing anything, and must refuse to do so with `praxia[vlm]`:
transformers >= 5 needs a `huggingface_hub` that lerobot's own limit excludes. Then the resolved packages that a stock
`lerobot` lacks are put into a folder beside its environment, and there, in one process, lerobot writes a data set and
Praxia reads, checks and learns from it.

A command, not a test of the suite: it needs the network, and without --resolve-only it installs lerobot (8 GB with its
CUDA torch; it runs on a CPU). Prints one JSON verdict; exit code 0 if both fit.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

import numpy as np
from lerobot_environment import FOLDER, LEROBOT, peer, run_inside

REPOSITORY = Path(__file__).resolve().parents[2]
SHOWN = ("praxia", "lerobot", "torch", "huggingface-hub", "tokenizers", "av", "numpy")


def resolve(pip: list[str], *wanted: str) -> dict[str, str] | None:
    """The versions by name that pip would install into an empty environment; None: there are none that fit."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [*pip, "install", "-q", "--dry-run", "--ignore-installed", "--report", report, *wanted]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
        if "ResolutionImpossible" in done.stderr:
            return None
        done.check_returncode()
        found = [one["metadata"] for one in json.loads(report.read_text())["install"]]
    return {normal(one["name"]): one["version"] for one in found}


def normal(name: str) -> str:
    return name.lower().replace("_", "-")


def install_lacking(python: Path, versions: dict[str, str], pip: list[str], folder: Path) -> dict[str, str]:
    """Put what the environment of `python` lacks into `folder`; returns what it has in another version."""
    listed = subprocess.run([python, "-m", "pip", "list", "--format", "json"], capture_output=True, check=True)
    has = {normal(one["name"]): one["version"] for one in json.loads(listed.stdout)}
    lacking = [f"{name}=={version}" for name, version in versions.items() if name not in has and name != "praxia"]
    subprocess.run([*pip, "install", "-q", "--no-deps", "--target", folder, *lacking], check=True, stdout=sys.stderr)
    return {name: has[name] for name, version in versions.items() if has.get(name, version) != version}


def write_episodes(folder: Path, num: int) -> None:
    """Episodes of two cameras of 48x64 and two joints, for lerobot to write."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(num):
        images = {
            f"observation.images.{name}": rng.integers(0, 256, (40, 48, 64, 3), np.uint8) for name in ("top", "side")
        }
        state = np.cumsum(rng.normal(0, 0.05, (40, 2)), axis=0).astype(np.float32)
        instruction = np.array("touch the block")
        np.savez(
            folder / f"{index:06d}.npz",
            **images,
            **{"observation.state": state, "action": state},
            instruction=instruction,
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, default=FOLDER)
    parser.add_argument("--resolve-only", action="store_true")
    options = parser.parse_args()
    verdict: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "pip", with_pip=True)
        pip = [str(folder / "pip/bin/python"), "-m", "pip"]
        # Older ones download whole packages to read what they need.
        subprocess.run([*pip, "install", "-q", "--upgrade", "pip"], check=True, stdout=sys.stderr)
        versions = resolve(pip, ".", LEROBOT)
        verdict["resolves"] = versions is not None
        verdict["versions"] = {one: versions[one] for one in SHOWN} if versions else {}
        verdict["vlm_is_refused"] = resolve(pip, ".[vlm]", LEROBOT) is None
        agrees = verdict["resolves"] and verdict["vlm_is_refused"]
        if versions and not options.resolve_only:
            python = peer(options.venv)
            verdict["other_versions"] = install_lacking(python, versions, pip, folder / "extra")
            write_episodes(folder / "given", 4)
            paths = [str(REPOSITORY / "src"), str(folder / "extra")]
            print("writing a data set, reading it, five steps of training", file=sys.stderr)
            verdict["inside"] = run_inside(python, "lerobot_beside_inside.py", folder, {"paths": paths})
    print(json.dumps({"agrees": agrees, **verdict}))
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
