"""Does `examples/lerobot_policy.py` act as the `lerobot` package does?

    python tests/peers/lerobot_policy_agrees.py [--venv build/lerobot-venv]

In the peer's environment, with what Praxia lacks there beside it, lerobot saves small policies with random weights:
ACT, ACT with temporal ensembling, and Diffusion Policy. Their actions in two interleaved episodes under Praxia must be,
to the last bit, those of lerobot's own `predict_action` in one episode after the other. Then `praxia` evaluates each of
them on the benchmark of `examples/reach`.

A command, not a test of the suite: it installs lerobot (8 GB with its CUDA torch; it runs on a CPU). Prints one JSON
verdict; exit code 0 if all agree.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from lerobot_beside import REPOSITORY, install_lacking, resolve
from lerobot_environment import FOLDER, LEROBOT, peer, run_inside


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, default=FOLDER)
    options = parser.parse_args()
    python = peer(options.venv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "pip", with_pip=True)
        pip = [str(folder / "pip/bin/python"), "-m", "pip"]
        subprocess.run([*pip, "install", "-q", "--upgrade", "pip", "hatchling"], check=True, stdout=sys.stderr)
        versions = resolve(pip, ".", LEROBOT)
        assert versions is not None, "praxia and lerobot do not resolve in one environment"
        install_lacking(python, versions, pip, folder / "extra")
        offline = ("--no-deps", "--no-index", "--no-build-isolation")
        reach = REPOSITORY / "examples/reach"
        subprocess.run([*pip, "install", "-q", *offline, "--target", folder / "extra", reach], check=True)
        paths = [str(REPOSITORY / "src"), str(folder / "extra"), str(REPOSITORY / "examples")]
        verdict = run_inside(python, "lerobot_policy_agrees_inside.py", folder, {"paths": paths})
    agrees = all(one["equal"] and one["faults"] == 0 for one in verdict["policies"].values())
    print(json.dumps({"agrees": agrees, **verdict}))
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
