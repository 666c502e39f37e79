"""Unmodified stable-baselines3 2.8.0 in its own environment trains SAC on one of our environments, which it learns.

It has gymnasium 1.2.3. Before and after 4,000 steps of TwoRoom ("same-room", privileged state) the policy acts from
starts of another split; every episode that was cut off is in its replay buffer as one to bootstrap from.

    python tests/peers/sb3_peer.py [--steps 4000] [--seed 0]      # or: make peer-sb3
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from serving_environment import install

ROOT = Path(__file__).parents[2]
PACKAGES = ("stable-baselines3==2.8.0", "torch==2.13.0", "--editable", f"{ROOT}[tabletop,gymnasium]")
FOLDER = Path("build/sb3-venv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, default=FOLDER)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    python = install(options.venv, PACKAGES)
    command = [python, Path(__file__).with_name("sb3_peer_inside.py"), str(options.steps), str(options.seed)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    found = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(found))
    assert found["cut_off"] == found["bootstrapped"] > 0, found
    assert found["trained"] >= 0.8, found
    assert found["trained"] >= found["random"] + 0.3, found
    print(f"SAC reaches {found['trained']:.0%} of the goals after {options.steps} steps, chance {found['random']:.0%}")


if __name__ == "__main__":
    sys.exit(main())
