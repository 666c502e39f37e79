from pathlib import Path

import numpy as np
import pytest

from praxia.core.types import EnvSpec, Start
from praxia.data.episode import Episode
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode
from praxia.envs import find_family

TASKS = {
    "bimodal": "pass",
    "metaworld": "door-open",
    "pusht": "push",
    "tabletop-arm7-joints": "touch",
    "tabletop-gantry": "touch",
    "tworoom": "any",
}


@pytest.fixture(scope="session")
def demonstrations(tmp_path_factory):
    """By family of environments, two short episodes of noise with its embodiment, to train its recipes on."""
    folder = tmp_path_factory.mktemp("demonstrations")
    return {env: _record(folder / env, env, task) for env, task in TASKS.items()}


def _record(root: Path, env: str, task: str) -> Path:
    embodiment = find_family(env).embodiment(EnvSpec(env, task))
    begin_recording(root, {})
    rng = np.random.default_rng(0)
    for index, text in enumerate(["open the door", "close it"]):
        actions = rng.uniform(-1, 1, (6, embodiment.action_dim)).astype(np.float32)
        episode = Episode(
            embodiment=embodiment,
            images={camera.name: rng.integers(0, 256, (6, 64, 64, 3), dtype=np.uint8) for camera in embodiment.cameras},
            state=rng.uniform(0, 1, (6, embodiment.state_dim)).astype(np.float32),
            action=actions,
            executed_action=actions,
            reward=np.zeros(6, np.float32),
            success=np.arange(6) == 5,
            terminated=np.zeros(6, bool),
            truncated=np.arange(6) == 5,
            instruction=text,
            task=f"task-{index}",
            start=Start(env, f"task-{index}", {}),
        )
        stage_episode(root, index, episode)
    finalize(root, embodiment, {})
    return root
