"""Does a policy of Praxia act in LeRobot's loops as it does in a session of Praxia?

    python tests/peers/lerobot_acts.py [--venv build/lerobot-venv]

In the peer's environment, with what Praxia lacks there beside it, the `lerobot` package loads its plugin
`praxia.integrations.lerobot` and drives a small policy, from a folder and from `praxia serve --exact`: by its
`predict_action`, as `lerobot-record` does, and by the loop of `lerobot-eval` in three environments at once. Actions
must be, to the last bit, those of `praxia.load(...).session()`, over several steps and episodes. The command
`lerobot-eval` itself, as the guide has it, must find the plugin and count the same rewards.

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
        subprocess.run([*pip, "install", "-q", "--upgrade", "pip"], check=True, stdout=sys.stderr)
        versions = resolve(pip, ".[serve]", LEROBOT)
        assert versions is not None, "praxia and lerobot do not resolve in one environment"
        install_lacking(python, versions, pip, folder / "extra")
        paths = [str(REPOSITORY / "src"), str(folder / "extra"), str(REPOSITORY / "tests")]
        verdict = run_inside(python, "lerobot_acts_inside.py", folder, {"paths": paths})
    equal = [*verdict["sources"]["folder"].values(), *verdict["sources"]["server"].values()]
    agrees = all(equal) and verdict["command"] and verdict["reloaded"]
    print(json.dumps({"agrees": agrees, **verdict}))
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
