"""A rollout of any policy as an episode of a data set, also where its chunks are executed for several steps."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
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
from praxia.datatools.check.dataset import check
from praxia.rollout.loop import rollout
from praxia.rollout.slots import LocalSlots
from praxia.rollout.types import Recording, Trajectory


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


class Corrected(Counting):
    """A policy from which a person takes over at every third decision."""

    def act(self, queries: Any, carry: int) -> tuple[list[Decision], int]:
        decisions, after = super().act(queries, carry)
        actor = "person" if carry % 3 == 2 else "policy"
        return [replace(decision, extras={}, actor=actor) for decision in decisions], after


def run(policy: Any, number: int) -> Trajectory:
    with closing(LocalSlots(1, build)) as slots:
        (trajectory,) = rollout(
            policy,
            slots,
            [job(number, size=16, goal=100.0)],
            execution=ChunkExecution(2),
            horizon=12,
            embodiment=EMBODIMENT,
            recording=Recording(("front",), every_step=True),
        )
    return trajectory


def test_interventions_and_the_key_of_the_noise_are_columns(tmp_path: Path):
    """Also beside episodes that an earlier version staged, which have neither."""
    begin_recording(tmp_path, {})
    trajectories = [run(Corrected(), number) for number in (0, 1)]
    stage_episode(tmp_path, 0, to_episode(trajectories[0], EMBODIMENT, 0.0, False))
    old = to_episode(trajectories[1], EMBODIMENT, 0.0, False)
    stage_episode(tmp_path, 1, replace(old, extras={}, actors=(), provenance={}))
    finalize(tmp_path, EMBODIMENT, {})
    dataset = Dataset(tmp_path)
    taken_over = np.tile([False] * 4 + [True] * 2, 2)
    np.testing.assert_array_equal(dataset.column("intervention")[:12, 0], taken_over)
    np.testing.assert_array_equal(dataset.column("actor")[:12, 0], 2 * taken_over)
    assert not dataset.column("intervention")[12:].any()
    assert not dataset.column("actor")[12:].any()
    (file,) = (tmp_path / "data").glob("*/*.parquet")
    keys = pq.read_table(file)["noise_key"].to_pylist()
    assert keys == [trajectories[0].job.key] * 12 + [""] * 12
    assert "noise_key" not in json.loads((tmp_path / "meta" / "stats.json").read_text())
    assert check(tmp_path)["ok"]


def test_nobody_intervenes_where_the_expert_drives():
    episode = to_episode(run(Counting(), 0), EMBODIMENT, 0.0, False, driver="expert")
    assert not episode.extras["intervention"].any()
    assert set(episode.actors) == {"expert"}
