"""The connection of unmodified `vla-eval` 0.8.0 in its own environment asks `praxia serve --exact`: bit-equal actions.

Two clients at once, three episodes each, chunks of which two actions are executed, an error in the middle, a reconnect,
a wrong key.

    python tests/peers/vla_eval_peer.py      # or: make peer-vla-eval
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
from praxia.core.types import ChunkExecution
from praxia.rollout.session import Session

PACKAGES = ("vla-eval==0.8.0",)
FOLDER = Path("build/vla-eval-venv")
CLIENTS, EPISODES, STEPS, EXECUTION_HORIZON = 2, 3, 7, 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", type=Path, default=FOLDER)
    options = parser.parse_args()
    python, policy, config = install(options.venv, PACKAGES), make_policy(), make_config()
    rng, shape = np.random.default_rng(0), (CLIENTS, EPISODES, STEPS)
    images = rng.integers(0, 256, (*shape, 16, 16, 3), dtype=np.uint8)
    states = rng.uniform(-1, 1, (*shape, 3)).astype(np.float32)
    request = {"clients": CLIENTS, "episodes": EPISODES, "steps": STEPS, "execution_horizon": EXECUTION_HORIZON}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_policy(folder / "toy", config, policy.model.state_dict())
        np.savez(folder / "observations.npz", images=images, states=states)
        with serving(str(folder / "toy"), "--exact") as port:
            more = {"port": port, "action_dim": EMBODIMENT.action_dim}
            found = ask(python, "vla_eval_inside.py", folder, request | more)
    for client in range(CLIENTS):
        session = Session(policy, ChunkExecution(EXECUTION_HORIZON), key=str(client))
        for episode in range(EPISODES):
            for step in range(STEPS):
                image, state = images[client, episode, step], states[client, episode, step]
                action = session.act({"images": {"front": image}, "state": state, "instruction": TEXTS[0]})
                np.testing.assert_array_equal(found["actions"][client, episode, step], action)
            session.reset()
    print(f"{CLIENTS} clients at once, {EPISODES} episodes each of {STEPS} steps, a reconnect: bit-equal")
    errors = [str(one) for one in found["errors"]]
    assert len(errors) == CLIENTS + 1, errors
    assert all("unknown entry of an observation" in one for one in errors[:-1]), errors
    print(f"errors: {len(errors)}, and the connection goes on; a wrong key: {errors[-1]}")


if __name__ == "__main__":
    main()
