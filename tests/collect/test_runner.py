import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from imagined import Imagined
from toy_collection import build, build_on_a_filling_disk, draw_start, gather, gather_targets

from praxia.collect.plan import CollectionPlan
from praxia.collect.runner import collect
from praxia.core.errors import MismatchError, PraxiaError, RecordingError
from praxia.core.types import EnvSpec, Start
from praxia.data.dataset import Dataset
from praxia.envs import find_family
from praxia.rollout.pool import process_pool
from praxia.rollout.slots import LocalSlots


def crashing_start(path: str, how: str, task: str, split: str, index: int) -> Start:
    return draw_start(task, split, index, **({"once": path, "how": how} if (task, index) == ("run", 1) else {}))


def broken_start(task: str, split: str, index: int) -> Start:
    return draw_start(task, split, index, **({"crash_at": 2} if (task, index) == ("run", 1) else {}))


def test_episodes_are_stored_by_index(tmp_path: Path):
    reports: list[tuple[int, int, str]] = []
    result = gather(tmp_path / "data", report=lambda *report: reports.append(report))
    dataset = Dataset(tmp_path / "data")
    assert dataset.episodes.task == ("walk", "run") * 3
    assert {name: result[name] for name in ("episodes", "attempts", "successes", "recovered")} == {
        "episodes": 6,
        "attempts": 6,
        "successes": 6,
        "recovered": 0,
    }
    assert result["frames"] == dataset.num_frames
    assert result["content_sha256"] == dataset.content_sha256
    assert [done for done, _, _ in reports] == list(range(7))
    assert reports[-1][2].startswith("6/6 succeeded")


def test_random_data_are_of_chance_and_say_so(tmp_path: Path):
    plan = CollectionPlan("tworoom", ("any",), 2, horizon=20, size=16, noise=(0.0,), policy="random")
    collect(plan, tmp_path / "data", find_family("tworoom"))
    dataset = Dataset(tmp_path / "data")
    executed = dataset.column("action.executed")
    np.testing.assert_array_equal(executed, dataset.column("action"))
    assert (np.abs(executed) <= 1).all()
    assert len(np.unique(executed[:, 0])) == len(executed)
    assert (dataset.root / "praxia" / "plan.json").read_text().count('"random"') == 1
    assert "policy" not in CollectionPlan("tworoom", ("any",), 2, horizon=20).to_json()


def test_the_executed_actions_replay_each_episode_and_the_labels_are_clean(tmp_path: Path):
    gather(tmp_path / "data")
    dataset = Dataset(tmp_path / "data")
    executed, label = dataset.column("action.executed"), dataset.column("action")
    state = dataset.column("observation.state")
    for episode in range(dataset.num_episodes):
        first, length = int(dataset.episodes.first[episode]), int(dataset.episodes.length[episode])
        rows = slice(first, first + length)
        env = build(EnvSpec("toy", dataset.episodes.task[episode], size=16))
        env.reset(draw_start(dataset.episodes.task[episode], "train-0", episode // 2))
        successes = []
        for action, position in zip(executed[rows], state[rows], strict=True):
            assert position[0] == np.float32(env.position)
            successes.append(env.command(action).success)
        # Three steps follow success; every second round of the tasks is disturbed.
        assert successes.index(True) == length - 4
        disturbed = episode // 2 % 2 == 1
        assert (np.abs(executed[rows] - label[rows]).max() > 0.01) == disturbed


@pytest.mark.parametrize("unit", ["m", "deg", "inch"])
def test_an_embodiment_of_target_positions_is_collected_in_any_unit(tmp_path: Path, unit: str):
    result = gather_targets(tmp_path / "data", unit, high=10.0)
    assert (result["episodes"], result["successes"]) == (4, 4)
    dataset = Dataset(tmp_path / "data")
    assert dataset.embodiment.action[0].unit == unit
    executed, label = dataset.column("action.executed"), dataset.column("action")
    assert np.abs(executed - label).max() > 0


def test_a_target_of_unknown_reach_is_refused_before_anything_is_written(tmp_path: Path):
    with pytest.raises(MismatchError, match=r"'position' of 'toy'.*'inch'.*declare its low and high"):
        gather_targets(tmp_path / "data", "inch", high=None)
    assert not (tmp_path / "data").exists()
    assert gather_targets(tmp_path / "data", "inch", high=None, noise=(0.0,))["successes"] == 4


def test_workers_do_not_change_the_data_set(tmp_path: Path):
    hashes = {gather(tmp_path / str(workers), workers=workers)["content_sha256"] for workers in (1, 2)}
    assert len(hashes) == 1


@pytest.mark.parametrize("num_slots", [1, 3])
def test_a_collection_in_any_slots_is_the_same_data_set(tmp_path: Path, num_slots: int):
    options = {"episodes": 4, "failure_every": 2}
    before = gather(tmp_path / "workers", **options)
    asked: list[int] = []

    def make_slots(num_episodes: int) -> LocalSlots:
        asked.append(num_episodes)
        return LocalSlots(num_slots, build)

    assert gather(tmp_path / "slots", make_slots=make_slots, **options) == before
    assert asked == [8]


def test_demonstrations_are_collected_in_a_world_that_is_no_environment(tmp_path: Path):
    made = [gather(tmp_path / str(slots), make_slots=lambda _, n=slots: Imagined(n)) for slots in (1, 3)]
    assert made[0] == made[1]
    assert (made[0]["episodes"], made[0]["successes"]) == (6, 6)
    dataset = Dataset(tmp_path / "1")
    executed, state = dataset.column("action.executed"), dataset.column("observation.state")
    for first, length in zip(dataset.episodes.first, dataset.episodes.length, strict=True):
        moved = np.diff(state[first : first + length, 0])
        np.testing.assert_allclose(moved, executed[first : first + length - 1, 0], atol=1e-6)


def test_a_collection_in_a_pool_survives_crashes_and_ends_at_the_second(tmp_path: Path):
    before = gather(tmp_path / "workers")
    for how in ("raise", "die"):
        draw = partial(crashing_start, str(tmp_path / how / "crashed"), how)
        (tmp_path / how).mkdir()
        result = gather(tmp_path / how / "data", draw=draw, make_slots=process_pool(build, 2, 2))
        # The pool itself runs an episode again whose worker died.
        assert (result["episodes"], result["attempts"]) == (6, 7 if how == "raise" else 6)
    with pytest.raises(RecordingError, match=r"episode 3 crashed twice .*at a step.*--resume"):
        gather(tmp_path / "data", draw=broken_start, make_slots=process_pool(build, 1, 2))
    assert gather(tmp_path / "data", resume=True)["content_sha256"] == before["content_sha256"]


def test_another_seed_has_other_starts(tmp_path: Path):
    hashes = {gather(tmp_path / str(seed), seed=seed, episodes=1)["content_sha256"] for seed in (0, 1)}
    assert len(hashes) == 2


def test_failures_are_kept(tmp_path: Path):
    result = gather(tmp_path / "data", episodes=2, horizon=3)
    assert (result["episodes"], result["successes"], result["frames"]) == (4, 0, 12)


@pytest.mark.parametrize("how", ["raise", "die"])
def test_a_crashed_episode_is_recorded_once_more(tmp_path: Path, how: str):
    draw = partial(crashing_start, str(tmp_path / "crashed"), how)
    result = gather(tmp_path / "data", draw=draw)
    assert (result["episodes"], result["attempts"]) == (6, 7)


def test_an_episode_that_always_crashes_ends_the_collection_and_the_rest_is_kept(tmp_path: Path):
    with pytest.raises(RecordingError, match=r"episode 3 crashed twice .*at a step.*--resume"):
        gather(tmp_path / "data", draw=broken_start)
    assert gather(tmp_path / "data", resume=True)["recovered"] == 4


def test_resuming_needs_the_option_and_the_same_plan(tmp_path: Path):
    complete = gather(tmp_path / "data")
    with pytest.raises(PraxiaError, match="--resume"):
        gather(tmp_path / "data")
    with pytest.raises(MismatchError, match="horizon was 40 and is now 50"):
        gather(tmp_path / "data", resume=True, horizon=50)
    assert gather(tmp_path / "data", resume=True) == {**complete, "recovered": 6}


def test_a_full_disk_is_reported_with_what_was_kept_and_how_to_continue(tmp_path: Path):
    with pytest.raises(RecordingError, match=r"no space left.*kept: 3 staged episodes.*--resume"):
        gather(tmp_path / "data", make=build_on_a_filling_disk)
    assert gather(tmp_path / "data", resume=True)["recovered"] == 3


@pytest.mark.slow
def test_killed_collections_resume_to_the_data_set_of_an_undisturbed_one(tmp_path: Path):
    script = [sys.executable, str(Path(__file__).parent / "toy_collection.py")]
    path = [str(Path(__file__).parents[1] / "rollout"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    slow = {**environment, "TOY_SLOWNESS": "20"}  # it is killed long before its end
    out, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    rng = random.Random(0)
    staging = out / ".staging"
    for attempt in range(3):
        seen = len(list(staging.glob("episode-*")))
        with subprocess.Popen([*script, str(out), "12", "2", *(["--resume"] if attempt else [])], env=slow) as run:
            end = time.monotonic() + 240
            while len(list(staging.glob("episode-*"))) == seen and time.monotonic() < end:
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.2))
            assert run.poll() is None, "it ended before it could be killed"
            run.send_signal(signal.SIGKILL)
    assert 3 <= len(list(staging.glob("episode-*"))) < 24
    for folder, extra in ((out, ["--resume"]), (undisturbed, [])):
        subprocess.run([*script, str(folder), "12", "1", *extra], env=environment, check=True, timeout=240)
    assert Dataset(out).content_sha256 == Dataset(undisturbed).content_sha256
    assert Dataset(out).num_episodes == 24
