import numpy as np
import pytest

from praxia.core.types import EnvSpec, Start
from praxia.data.compact import compact
from praxia.data.episode import Episode
from praxia.data.recording import begin
from praxia.data.staging import stage_episode
from praxia.envs import find_family


@pytest.fixture(scope="session")
def demonstrations(tmp_path_factory):
    """Two short episodes of noise with Meta-World's body: what a recipe for it can be trained on."""
    body = find_family("metaworld").embodiment(EnvSpec("metaworld", "door-open"))
    root = tmp_path_factory.mktemp("demonstrations") / "data"
    begin(root, {})
    rng = np.random.default_rng(0)
    for index, text in enumerate(["open the door", "close it"]):
        actions = rng.uniform(-1, 1, (6, 4)).astype(np.float32)
        episode = Episode(
            embodiment=body,
            images={"workspace": rng.integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)},
            state=rng.uniform(0, 1, (6, 4)).astype(np.float32),
            action=actions,
            executed_action=actions,
            reward=np.zeros(6, np.float32),
            success=np.arange(6) == 5,
            terminated=np.zeros(6, bool),
            truncated=np.arange(6) == 5,
            instruction=text,
            task=f"task-{index}",
            start=Start("metaworld", f"task-{index}", {}),
        )
        stage_episode(root, index, episode)
    compact(root, body, {})
    return root
