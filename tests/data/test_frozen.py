"""Data sets, recordings under way and mixtures in `tests/frozen/data` are read as the version that wrote them did."""

import json
import shutil

import numpy as np
from frozen_testing import FROZEN, expected

from praxia.core.embodiment import Embodiment
from praxia.core.types import EnvSpec, Start
from praxia.core.window import Window
from praxia.data.dataset import Dataset
from praxia.data.finalize import finalize
from praxia.data.staging import verify_staged
from praxia.dataloader.mixture_config import read_mixture
from praxia.datatools.record.recorder import Recorder
from praxia.envs import build

DATA = FROZEN / "data"
EXPECTED = expected("data")


def embodiment(path):
    return Embodiment.from_json(json.loads(path.read_text()))


def test_a_data_set_is_complete_and_has_its_content_hash():
    dataset = Dataset(DATA / "bimodal")
    dataset.verify()
    want = EXPECTED["bimodal"]
    assert dataset.content_sha256 == want["content_sha256"]
    assert (dataset.num_episodes, dataset.num_frames) == (want["episodes"], want["frames"])
    assert len(dataset.select()) == want["successes"]
    assert dataset.embodiment == embodiment(DATA / "bimodal" / "praxia" / "embodiment.json")


def test_its_states_of_the_simulator_are_those_that_were_seen():
    dataset = Dataset(DATA / "bimodal")
    env = build(EnvSpec("bimodal", "pass", size=16))
    env.reset(Start(**dataset.records[0]["start"]))
    states = dataset.column("observation.state")
    for at, snapshot in enumerate(dataset.snapshots(0)):
        env.restore(snapshot)
        np.testing.assert_array_equal(env.observe(()).state, states[at])
    env.close()


def test_a_stopped_recording_keeps_its_episodes(tmp_path):
    """The middle one of three was not recorded yet."""
    root = shutil.copytree(DATA / "stopped", tmp_path / "stopped")
    plan = json.loads((root / ".staging" / "plan.json").read_text())
    assert verify_staged(root) == [0, 2]
    finalize(root, embodiment(DATA / "bimodal" / "praxia" / "embodiment.json"), plan)
    kept, original = Dataset(root), Dataset(DATA / "bimodal")
    kept.verify()
    first = int(original.episodes.length[0])
    for feature in ("observation.state", "action"):
        np.testing.assert_array_equal(kept.column(feature)[:first], original.column(feature)[:first])
    assert [record["start_index"] for record in kept.records] == [0, 2]


def test_a_killed_live_recording_is_recovered(tmp_path):
    root, robot = shutil.copytree(DATA / "live", tmp_path / "live"), embodiment(DATA / "live_embodiment.json")
    (found,) = Recorder(root, robot, {"seed": 0}, resume=True, log=[].append).recovered
    want = EXPECTED["live"]
    assert (found.index, found.frames, found.lost_frames) == (0, want["frames"], want["lost_frames"])
    finalize(root, robot, {"seed": 0})
    dataset = Dataset(root)
    assert dataset.instructions == ("lift the cup",)
    np.testing.assert_array_equal(dataset.column("observation.state")[:, 0], np.arange(found.frames))


def test_a_mixture_is_read_as_it_was():
    want = EXPECTED["mixture_of_two"]
    window = Window({"image.front": (0,), "image.top": (0,), "state": (-1, 0)}, horizon=4)
    mixture = read_mixture(DATA / "mixture_of_two.json").open(window, cache_bytes=0)
    assert [len(part) for part in mixture.entries] == want["windows"]
    assert list(mixture.embodiments) == [Embodiment.from_json(one) for one in want["bodies"]]
    rows = mixture.batch(0, 0, 4)
    assert rows.tolist() == want["rows"]
    samples = mixture.read(rows)
    for name in ("state", "action", "embodiment"):
        np.testing.assert_allclose(getattr(samples, name), want[name], rtol=0, atol=1e-6)
    assert {name: one.tolist() for name, one in samples.image_valid.items()} == want["image_valid"]
