import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from preflight_testing import failed, record, run_preflight, trained_on
from scipy.stats import binom
from video_testing import Brightness, record_slides

from praxia.core.types import Start
from praxia.data.dataset import Dataset
from praxia.datatools.relabel import relabel
from praxia.envs import find_family
from praxia.evaluation import BENCHMARKS
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.preflight import setup as preflight_setup
from praxia.evaluation.preflight.episodes import binomial_tail, spread_episodes
from praxia.experts import EXPERTS

BENCHMARK, FAMILY = find_benchmark("bimodal"), find_family("bimodal")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return record(tmp_path_factory.mktemp("bimodal") / "data", FAMILY, BENCHMARK, 6)


@pytest.fixture(scope="module")
def policy(data):
    return trained_on(data, cameras=("top",))


def test_what_fits_passes_every_check_there_is_something_for(policy):
    found = run_preflight(policy, BENCHMARK, FAMILY)
    assert {name: ok for name, (ok, _) in found.items()} == {
        "names-and-units": True,
        "golden-frame": True,
        "recorded-frames": True,
        "gripper": None,
        "replay": True,
        "zero": True,
        "expert": True,
        "statistics": True,
    }
    assert found["replay"][1] == "6 of 6 recorded successes succeed again (tasks: 1)"
    assert found["gripper"][1] == "the embodiment has no gripper in both its action and its state"


def test_recorded_actions_that_do_not_succeed_again_are_named(tmp_path):
    turned = record(
        tmp_path / "turned", FAMILY, BENCHMARK, 3, lambda one: replace(one, executed_action=-one.executed_action)
    )
    ok, detail = run_preflight(trained_on(turned, ("top",)), BENCHMARK, FAMILY)["replay"]
    assert ok is False
    assert detail.startswith("0 of 3 recorded successes succeed again")
    assert "episode 0 (pass)" in detail


class Slow:
    """An environment whose robot executes a fifth of each command."""

    def __init__(self, env):
        self._env = env

    def __getattr__(self, name):
        return getattr(self._env, name)

    def command(self, action):
        return self._env.command((action / 5).astype(np.float32))


def test_a_changed_simulator_fails_replays_and_expert(policy):
    found = run_preflight(policy, BENCHMARK, replace(FAMILY, build=lambda spec: Slow(FAMILY.build(spec))))
    assert {"replay", "expert"} <= failed(found)
    assert "the expert succeeds in 0 of 16 episodes; recorded: 100 of 100" in found["expert"][1]


def test_an_environment_that_crashes_is_not_ready(policy):
    class Crashing(Slow):
        def command(self, action):
            raise RuntimeError("boom")

    found = run_preflight(policy, BENCHMARK, replace(FAMILY, build=lambda spec: Crashing(FAMILY.build(spec))))
    assert {"replay", "expert", "zero"} <= failed(found)
    assert found["expert"][1] == "16 of 16 of the expert's episodes crashed: RuntimeError: boom"


def at_the_goal(task, split, index):
    start = FAMILY.draw_start(task, split, index)
    return Start(start.env, start.task, {**start.payload, "goal": start.payload["robot"]})


def test_a_benchmark_that_is_solved_by_doing_nothing_is_refused_unless_that_is_known(policy, tmp_path, monkeypatch):
    given_away = replace(FAMILY, draw_start=at_the_goal)
    ok, detail = run_preflight(policy, BENCHMARK, given_away)["zero"]
    assert ok is False
    assert "holding still succeeds in pass 8 of 8" in detail
    assert "praxia.evaluation.preflight.record bimodal" in detail
    table = {
        "benchmarks": {"bimodal": {"episodes": 20, "expert": {"pass": 20}, "solved_by_zero": ["pass"]}},
        "drawn_by": {},
    }
    (tmp_path / "table.json").write_text(json.dumps(table))
    monkeypatch.setattr(preflight_setup, "REFERENCE", tmp_path / "table.json")
    assert run_preflight(policy, BENCHMARK, given_away)["zero"] == (
        True,
        "holding still fails in 0 of 8 episodes; as recorded, it solves pass 8 of 8",
    )


def test_a_benchmark_without_recorded_rates_is_skipped_with_the_command(policy):
    ok, detail = run_preflight(policy, replace(BENCHMARK, name="bimodal/new"), FAMILY)["expert"]
    assert ok is None
    assert detail.endswith("record it: python -m praxia.evaluation.preflight.record bimodal/new")


def test_without_its_data_a_checkpoint_is_not_silently_fine(policy, data, tmp_path):
    gone = replace(policy, provenance={"data": [{"path": str(tmp_path / "gone"), "content_sha256": "x"}]})
    found = run_preflight(gone, BENCHMARK, FAMILY)
    for name in ("replay", "recorded-frames"):
        ok, detail = found[name]
        assert ok is None
        assert "gone is missing or incomplete" in detail
        assert detail.endswith("name it with --data DIR")
    assert run_preflight(gone, BENCHMARK, FAMILY, data=data.root)["replay"][0] is True
    other = replace(policy, provenance={"data": [{"path": str(data.root), "content_sha256": "x"}]})
    assert "is no longer the data that it was trained on" in run_preflight(other, BENCHMARK, FAMILY)["replay"][1]


def test_what_was_recorded_is_not_compared_where_a_mixture_read_it_otherwise(policy, data):
    known = [{"path": str(data.root), "content_sha256": data.content_sha256}]
    renamed = {"parts": [{"cameras": {"front": "top"}}]}
    mixed = replace(policy, provenance={"data": known, "mixture": renamed})
    ok, detail = run_preflight(mixed, BENCHMARK, FAMILY)["recorded-frames"]
    assert ok is None
    assert "with other names, sizes or another rate" in detail


def test_damaged_data_refuses(policy, data, tmp_path):
    shutil.copytree(data.root, tmp_path / "copy")
    (file,) = (tmp_path / "copy" / "data").glob("*/*.parquet")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    ok, detail = run_preflight(policy, BENCHMARK, FAMILY, data=tmp_path / "copy")["replay"]
    assert ok is False
    assert "altered" in detail


def test_every_benchmark_with_an_expert_has_a_recorded_rate():
    """If this fails: `python -m praxia.evaluation.preflight.record BENCHMARK`."""
    for name in BENCHMARKS:
        benchmark, known = find_benchmark(name), preflight_setup.find_reference(name)
        assert benchmark.env in EXPERTS
        assert known is not None, name
        assert set(known.expert) == set(benchmark.tasks), name
        # The expert of PushT brings the T to a goal that is shown, and the agent anywhere.
        least = 0.5 if name == "pusht/as-shown" else 0.9
        assert sum(known.expert.values()) > least * known.episodes * len(benchmark.tasks), name


@pytest.mark.parametrize(("successes", "trials", "rate"), [(0, 8, 0.5), (5, 16, 0.99), (16, 16, 0.7), (3, 20, 0.25)])
def test_the_binomial_is_scipys(successes, trials, rate):
    assert binomial_tail(successes, trials, rate) == pytest.approx(binom.cdf(successes, trials, rate), rel=1e-9)


def test_replays_are_spread_over_the_tasks_and_over_each_tasks_successes(tmp_path):
    """Of 21 episodes of push, reach and lift in turn those of push succeed, and the later half of reach's."""

    def doctored(number, episode):
        task = ("push", "reach", "lift")[number % 3]
        won = task == "push" or (task == "reach" and number > 10)
        return replace(episode, task=task, success=episode.success if won else np.zeros_like(episode.success))

    numbers = iter(range(21))
    data = record(tmp_path / "data", FAMILY, BENCHMARK, 21, lambda episode: doctored(next(numbers), episode))
    assert [data.episodes.task[number] for number in range(3)] == ["push", "reach", "lift"]
    assert spread_episodes(data, ("reach", "push", "run_preflight"), 8, 6) == [13, 16, 19, 0, 9, 18]
    assert spread_episodes(data, ("reach", "push", "run_preflight"), 1, 1) == [13]
    assert spread_episodes(data, ("run_preflight",), 8, 4) == [0, 18, 13, 19]
    assert spread_episodes(data, ("lift",), 8, 4) == []


def test_pseudo_actions_are_not_replayed(tmp_path):
    record_slides(tmp_path / "data", range(3))
    relabel(tmp_path / "data", tmp_path / "relabelled", Brightness(), {})
    found = [spread_episodes(Dataset(tmp_path / one), ("slide",), 8, 4) for one in ("data", "relabelled")]
    assert found == [[0, 1, 2], []]


def test_only_what_was_executed_from_its_start_is_replayed(tmp_path):
    record_slides(tmp_path / "data", range(4))
    data = Dataset(tmp_path / "data")
    for one, what in zip(data.records[1:], ({"generation": 0}, {"generation": 1}, {"relabelled_by": {}}), strict=True):
        one["provenance"] |= what
    assert spread_episodes(data, ("slide",), 8, 4) == [0, 1]
    data.records[0]["trimmed"] = [1, 0]
    assert spread_episodes(data, ("slide",), 8, 4) == [1]


def test_an_embodiment_without_a_hold_action_is_skipped(policy):
    def without_hold(spec):
        embodiment = FAMILY.embodiment(spec)
        return replace(embodiment, action=(replace(embodiment.action[0], kind="position", name="wheel"),))

    ok, detail = run_preflight(policy, BENCHMARK, replace(FAMILY, embodiment=without_hold))["zero"]
    assert ok is None
    assert "'wheel'" in detail
    assert "hold={'wheel': a number, or the name of a state field}" in detail
