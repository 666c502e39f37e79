"""From nothing to the first action of a trained policy: Praxia's commands beside those of the `lerobot` package.

Each is installed into a new virtual environment, trains its `act` with its own defaults on `tests/frozen/lerobot/arm`
for 5 steps of 8 windows, and gives one action. Prints one JSON object:
{name: {commands, packages, gigabytes, install_s, first_line_s, train_s, action_s}}.

`python tests/peers/lerobot_first_action.py` needs 10 GB of disk.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from lerobot_environment import LEROBOT

ROOT = Path(__file__).parents[2]
ARM = ROOT / "tests" / "frozen" / "lerobot" / "arm"
STEPS, BATCH = 5, 8

OURS = """
import numpy as np
import praxia

policy = praxia.load("run")
image, state = np.zeros((480, 640, 3), np.uint8), np.zeros(6)
observation = {"images": {"top": image, "side": image}, "state": state, "instruction": "Put the red block into the bin"}
print(policy.session().act(observation))
"""

THEIRS = """
import torch
from lerobot.policies.act.modeling_act import ACTPolicy
from lerobot.policies.factory import make_pre_post_processors

folder = "run/checkpoints/last/pretrained_model"
policy = ACTPolicy.from_pretrained(folder)
preprocess, postprocess = make_pre_post_processors(policy.config, folder)
image, state = torch.zeros(3, 480, 640), torch.zeros(6)
observation = {"observation.images.top": image, "observation.images.side": image, "observation.state": state}
observation["task"] = "Put the red block into the bin"
print(postprocess(policy.select_action(preprocess(observation))))
"""

# Its backbone starts from weights that are downloaded; and its default video reader needs FFmpeg of the system.
OFFLINE = [
    "--policy.pretrained_backbone_weights=null",
    "--dataset.video_backend=pyav",
    "--policy.push_to_hub=false",
    "--wandb.enable=false",
]

OUR_OPTIONS = ["--train.steps", str(STEPS), "--train.batch-size", str(BATCH)]
THEIR_DATA = ["--dataset.repo_id=local/arm", f"--dataset.root={ARM}"]
THEIR_OPTIONS = [
    *THEIR_DATA,
    "--output_dir=run",
    f"--steps={STEPS}",
    f"--batch_size={BATCH}",
    "--policy.device=cpu",
    *OFFLINE,
]
PACKAGES = {
    "praxia": {
        "install": [["torch==2.13.0"], [str(ROOT)]],
        "train": ["praxia", "train", "act", "--data", str(ARM), "--out", "run", *OUR_OPTIONS],
        "act": OURS,
    },
    "lerobot": {
        "install": [[LEROBOT]],
        "train": ["lerobot-train", "--policy.type=act", *THEIR_OPTIONS],
        "act": THEIRS,
    },
}


def first_action(name: str, folder: Path) -> dict[str, object]:
    """Install the package `name`, train and act in the new `folder`."""
    own, bin_folder = PACKAGES[name], folder / "venv" / "bin"
    began_s = time.monotonic()
    venv.create(folder / "venv", with_pip=True)
    pip = [bin_folder / "python", "-m", "pip", "--disable-pip-version-check"]
    for packages in own["install"]:
        subprocess.run([*pip, "install", "-q", "--no-cache-dir", *packages], check=True, stdout=sys.stderr)
    found: dict[str, object] = {"install_s": time.monotonic() - began_s}
    listed = subprocess.run([*pip, "list", "--format", "json"], check=True, capture_output=True, text=True).stdout
    size = subprocess.run(["du", "-sb", folder / "venv"], check=True, capture_output=True, text=True).stdout
    found |= {"packages": len(json.loads(listed)), "gigabytes": int(size.split()[0]) / 1e9}

    environment = os.environ | {"PATH": f"{bin_folder}:{os.environ['PATH']}", "HF_HUB_OFFLINE": "1"}
    environment |= {"HF_HOME": str(folder / "hf"), "PRAXIA_CACHE": str(folder / "cache")}
    began_s = time.monotonic()
    training = subprocess.Popen(
        own["train"], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert training.stdout is not None
    lines = [training.stdout.readline()]
    found["first_line_s"] = time.monotonic() - began_s
    lines += training.stdout.readlines()
    sys.stderr.writelines(lines)
    if training.wait() != 0:
        raise SystemExit(f"{name}: training failed")
    found["train_s"] = time.monotonic() - began_s
    began_s = time.monotonic()
    subprocess.run(
        [bin_folder / "python", "-c", own["act"]], cwd=folder, env=environment, check=True, stdout=sys.stderr
    )
    return {"commands": len(own["install"]) + 2, **found, "action_s": time.monotonic() - began_s}


def main() -> None:
    found = {}
    for name in PACKAGES:
        with tempfile.TemporaryDirectory() as folder:
            found[name] = first_action(name, Path(folder))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
