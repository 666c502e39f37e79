"""Unmodified `openpi-client` 0.1.2 in its own environment asks `praxia serve --exact`: bit-equal actions.

Two clients at once, a new episode by reconnecting and by name, errors and what comes after them, a key, two policies by
path; then eight clients without `--exact`, whose actions agree within 1e-4 of the action range.

    python tests/peers/openpi_peer.py      # or: make peer-openpi
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import venv
from contextlib import contextmanager
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from praxia_testing import EMBODIMENT, TEXTS, make_config, make_policy

from praxia.checkpoint.store import save_policy
from praxia.core.types import Observation, Query

# The package imports typing_extensions without declaring it.
PACKAGES = ("openpi-client==0.1.2", "typing_extensions")
FOLDER = Path("build/openpi-venv")
TIMEOUT_S = 300.0
KEY = "a secret"
EPISODES, STEPS, CLIENTS = 3, 4, 8


def peer(folder: Path) -> Path:
    """The Python of the peer's environment, installed on first use."""
    python = folder.absolute() / "bin" / "python"
    if not (folder / "installed").exists():
        print(f"installing {PACKAGES[0]} into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True, stdout=sys.stderr)
        (folder / "installed").write_text(f"{PACKAGES[0]}\n")
    return python


@contextmanager
def serving(*arguments: str):
    """The port of a `praxia serve` with these arguments."""
    command = [sys.executable, "-m", "praxia", "serve", *arguments, "--port", "0"]
    environment = {**os.environ, "PRAXIA_API_KEY": KEY}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        watchdog = threading.Timer(TIMEOUT_S, process.kill)
        watchdog.start()
        try:
            assert process.stderr is not None
            found = next(filter(None, (re.search(r"listening on ws://127.0.0.1:(\d+)", one) for one in process.stderr)))
            yield int(found[1])
        finally:
            process.terminate()
            process.communicate(timeout=TIMEOUT_S)
            watchdog.cancel()


def ask(python: Path, folder: Path, port: int, scenario: str) -> dict[str, np.ndarray]:
    """Run the peer's script; the arrays that it wrote."""
    request = {"port": port, "key": KEY, "scenario": scenario, "episodes": EPISODES, "steps": STEPS, "clients": CLIENTS}
    (folder / "request.json").write_text(json.dumps(request))
    script = Path(__file__).with_name("openpi_peer_inside.py")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([python, script, folder], check=True, timeout=TIMEOUT_S, env=environment)
    return dict(np.load(folder / "response.npz", allow_pickle=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", type=Path, default=FOLDER)
    options = parser.parse_args()
    python, policy, config = peer(options.venv), make_policy(), make_config()
    rng = np.random.default_rng(0)
    shape = (CLIENTS, EPISODES, STEPS)
    images = rng.integers(0, 256, (*shape, 16, 16, 3), dtype=np.uint8)
    states = rng.uniform(-1, 1, (*shape, 3)).astype(np.float32)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_policy(folder / "toy", config, policy.model.state_dict())
        np.savez(folder / "observations.npz", images=images, states=states)

        def expected(key: str, client: int, episode: int) -> np.ndarray:
            """The chunks of an episode in this process."""
            chunks, history = [], []
            for step in range(STEPS):
                image, state = images[client, episode, step], states[client, episode, step]
                history.append(Observation({"front": image}, state, TEXTS[0], step / EMBODIMENT.control_hz))
                query = Query(tuple(history[-1 - policy.window.history :]), key, step, 0)
                chunks.append(policy.act([query], None)[0][0].chunk)
            return np.stack(chunks)

        with serving(str(folder / "toy"), "--exact") as port:
            found = ask(python, folder, port, "exact")
        for client in range(2):
            for episode in range(EPISODES):
                ours = expected(str(found["keys"][client, episode]), client, episode)
                np.testing.assert_array_equal(found["actions"][client, episode], ours)
        print(f"two clients, {EPISODES} episodes each by reconnecting: bit-equal")
        for episode in range(EPISODES):
            np.testing.assert_array_equal(found["named"][episode], expected(f"mine/{episode}", 0, episode))
        print("episodes by name on one connection: bit-equal")
        errors = [str(one) for one in found["errors"]]
        assert len(errors) == 6, errors
        assert "401" in errors[-1], errors
        assert not any("\n" in one for one in errors), errors
        print(f"errors: {len(errors)} one-line errors, and the server answers on")
        with serving(f"a={folder / 'toy'}", f"b={folder / 'toy'}") as port:
            found = ask(python, folder, port, "batched")
        low = min(float(one.action.low[0]) for one in config.transforms.embodiments)
        high = max(float(one.action.high[0]) for one in config.transforms.embodiments)
        furthest = 0.0
        for client in range(CLIENTS):
            for episode in range(EPISODES):
                ours = expected(f"{client}/{episode}", client, episode)
                furthest = max(furthest, float(np.abs(found["actions"][client, episode] - ours).max()) / (high - low))
        assert furthest < 1e-4, furthest
        print(f"{CLIENTS} clients of two policies at once: within {furthest:.1e} of the action range")


if __name__ == "__main__":
    main()
