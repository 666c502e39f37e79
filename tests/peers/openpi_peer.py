"""Unmodified `openpi-client` 0.1.2 in its own environment asks `praxia serve --exact`: bit-equal actions.

Two clients at once, a new episode by reconnecting and by name, errors and what comes after them, a key, two policies by
path; then eight clients without `--exact`, whose actions agree within 1e-4 of the action range.

    python tests/peers/openpi_peer.py      # or: make peer-openpi
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from praxia_testing import EMBODIMENT, TEXTS, make_config, make_policy
from serving_environment import ask, install, serving

from praxia.checkpoint.store import save_policy
from praxia.core.types import Observation, Query

# The package imports typing_extensions without declaring it.
PACKAGES = ("openpi-client==0.1.2", "typing_extensions")
FOLDER = Path("build/openpi-venv")
EPISODES, STEPS, CLIENTS = 3, 4, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", type=Path, default=FOLDER)
    options = parser.parse_args()
    python, policy, config = install(options.venv, PACKAGES), make_policy(), make_config()
    request = {"episodes": EPISODES, "steps": STEPS, "clients": CLIENTS}
    script = "openpi_peer_inside.py"
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
            found = ask(python, script, folder, {**request, "port": port, "scenario": "exact"})
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
            found = ask(python, script, folder, {**request, "port": port, "scenario": "batched"})
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
