"""A rollout of any policy as an episode of a data set, also where its chunks are executed for several steps."""

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from toy_collection import EMBODIMENT, MisbehavingEnv, build
from toy_world import job

from praxia.collect.record import to_episode
from praxia.core.types import ChunkExecution, Decision
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.data.finalize import finalize
from praxia.data.recording import begin_recording
from praxia.data.staging import stage_episode
from praxia.dataloader.windows import Windows
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Recording


class Counting:
    """Counts its decisions in the carry; the value of row i of a chunk is the count and i / 10."""

    privileged = False
    embodiment = EMBODIMENT
    window = Window({"state": (0,)}, horizon=8)

    def start(self, num_rows: int) -> int:
        return 0

    def act(self, queries: Any, carry: int) -> tuple[list[Decision], int]:
        chunk = np.full((8, 2), 0.01, np.float32)
        value = np.float32(carry) + np.arange(8, dtype=np.float32) / 10
        decision = Decision(chunk, np.ones(8, bool), chunk + 1, extras={"value": value}, actor="expert")
        return [decision for _ in queries], carry + 1


def test_extras_labels_and_images_inside_chunks_are_recorded_and_read_back(tmp_path: Path):
    assert MisbehavingEnv.embodiment == EMBODIMENT
    with closing(LocalSlots(1, build)) as slots:
        (trajectory,) = rollout(
            Counting(),
            slots,
            [job(0, size=16, goal=100.0)],
            execution=ChunkExecution(8),
            horizon=20,
            embodiment=EMBODIMENT,
            recording=Recording(("front",), every_step=True),
        )
    begin_recording(tmp_path, {})
    stage_episode(tmp_path, 0, to_episode(trajectory, EMBODIMENT, 0.0, False))
    finalize(tmp_path, EMBODIMENT, {})
    dataset = Dataset(tmp_path)
    expected = np.array([step // 8 + step % 8 / 10 for step in range(20)])
    np.testing.assert_allclose(dataset.column("complementary_info.value")[:, 0], expected, rtol=1e-6)
    assert (dataset.column("actor") == 1).all()
    np.testing.assert_allclose(dataset.column("observation.state")[:, 0], 0.01 * np.arange(20), rtol=1e-5)
    np.testing.assert_allclose(dataset.column("action"), 1.01)
    np.testing.assert_allclose(dataset.column("action.executed"), 0.01, rtol=1e-6)
    windows = Windows(dataset, Window({"state": (0,)}, 3, extras=("complementary_info.value", "actor")), [0])
    read = windows.read(np.arange(20)).extras["complementary_info.value"][:, :, 0]
    np.testing.assert_allclose(read[:18], np.stack([expected[at : at + 3] for at in range(18)]), rtol=1e-6)
