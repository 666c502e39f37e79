"""Evaluations with a delay: benchmarks of their own, whose rows depend on the episode and the step alone."""

import json
import multiprocessing
from dataclasses import replace

import numpy as np
import pytest
from toy_benchmark import BENCHMARK, build, evaluate_both, evaluate_toy, family

from praxia.core.delays import DelayTrace
from praxia.core.errors import MismatchError, PraxiaError, UnknownName
from praxia.evaluation.benchmarks import find_benchmark
from praxia.evaluation.compatibility import check_compatibility
from praxia.experts.baselines import UniformPolicy
from praxia.results.leaderboard import leaderboard
from praxia.results.meta import read_meta
from praxia.results.pairs import pair_files
from praxia.results.rows import read_rows
from praxia.results.store import read_replay
from praxia.rollout.slots import LocalSlots

TRACE = DelayTrace((0, 1, 2, 2, 6), 10.0)
FIXED, TRACED = BENCHMARK.with_delay(3), BENCHMARK.with_delay(TRACE)
OF_DELAYS = {"starved_steps", "observation_age", "observation_hz"}


def timeless(out):
    return [{**json.loads(line), "wall_s": None} for line in out.read_text().splitlines()]


def evaluate_here(out, **options):
    return evaluate_toy(out, make_slots=lambda num_episodes: LocalSlots(2, build), **options)


def test_the_name_says_the_delay_and_the_definition_holds_it():
    assert (FIXED.name, TRACED.name) == ("toy/plain/delay-3", f"toy/plain/delay-trace-{TRACE.key[:8]}")
    assert FIXED.to_json()["execution"] == {"execution_horizon": 4, "ensemble": None, "delay": 3}
    assert TRACED.to_json()["execution"] == {"execution_horizon": 4, "ensemble": None, "trace": TRACE.key}
    assert BENCHMARK.with_delay(0) is BENCHMARK
    for one in (FIXED, TRACED, BENCHMARK):
        assert one.untimed.to_json() == BENCHMARK.to_json()


def test_benchmarks_are_found_by_their_delay(tmp_path):
    plain = find_benchmark("bimodal")
    assert find_benchmark("bimodal/delay-4") == plain.with_delay(4)
    assert find_benchmark("bimodal/delay-0") == plain
    TRACE.save(tmp_path / "trace.json")
    traced = find_benchmark("bimodal", tmp_path / "trace.json")
    assert traced.name == f"bimodal/delay-trace-{TRACE.key[:8]}"
    assert find_benchmark(traced.name, tmp_path / "trace.json") == traced
    with pytest.raises(
        PraxiaError, match=r"expected a file with the trace of .* eval and compare take as --delays FILE"
    ):
        find_benchmark(traced.name)
    with pytest.raises(PraxiaError, match=r"expected the trace 01234567 .* name the other file"):
        find_benchmark("bimodal/delay-trace-01234567", tmp_path / "trace.json")
    with pytest.raises(PraxiaError, match="got both"):
        find_benchmark("bimodal/delay-4", tmp_path / "trace.json")
    for unknown in ("bimodal/delay-", "bimodal/delay-x", "bimodl/delay-4"):
        with pytest.raises(UnknownName, match="bimodal"):
            find_benchmark(unknown)


@pytest.mark.parametrize("benchmark", [FIXED, TRACED], ids=["fixed", "traced"])
def test_rows_count_what_the_delay_did_and_agree_with_the_actions(tmp_path, benchmark):
    out = tmp_path / "f.jsonl"
    summary = evaluate_here(out, benchmark=benchmark)
    rows = read_rows(out)
    assert {row.benchmark for row in rows} == {benchmark.name}
    for row in rows:
        starved = (read_replay(out, row.start).actions == 0).all(axis=1).sum()  # the toy's actions are noisy changes
        assert row.starved_steps == starved
        assert row.observation_age is not None
        assert row.observation_hz is not None
        assert 0 < row.observation_hz <= 10
        # Between the age that the delay makes and the last action of a chunk of four.
        assert 0 <= row.observation_age <= 3
    assert any(row.starved_steps for row in rows)
    total = sum(row.starved_steps or 0 for row in rows) / sum(row.steps for row in rows)
    assert summary["starved"] == pytest.approx(total)
    assert summary["observation_age"] == pytest.approx(np.mean([row.observation_age for row in rows]))
    assert set(summary["per_task"]["run"]) >= {"starved", "observation_age", "observation_hz"}


def test_without_a_delay_rows_and_summaries_are_as_they_were(tmp_path):
    summary = evaluate_here(tmp_path / "f.jsonl")
    for line in (tmp_path / "f.jsonl").read_text().splitlines():
        assert not OF_DELAYS & set(json.loads(line))
    assert not {"starved", "observation_age", "observation_hz"} & set(summary)
    assert "trace" not in json.dumps(read_meta(tmp_path / "f.jsonl"))


def burn(stop):
    while not stop.is_set():
        sum(range(1000))


@pytest.mark.slow
@pytest.mark.parametrize("benchmark", [FIXED, TRACED], ids=["fixed", "traced"])
def test_rows_do_not_depend_on_workers_or_load(tmp_path, benchmark):
    evaluate_toy(tmp_path / "one.jsonl", benchmark=benchmark, exact=True)
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    loads = [context.Process(target=burn, args=(stop,), daemon=True) for _ in range(2)]
    for load in loads:
        load.start()
    try:
        evaluate_toy(tmp_path / "two.jsonl", benchmark=benchmark, exact=True, workers=2)
    finally:
        stop.set()
        for load in loads:
            load.join(60)
    assert timeless(tmp_path / "one.jsonl") == timeless(tmp_path / "two.jsonl")


def test_another_seed_of_the_noise_draws_other_delays(tmp_path):
    for seed in (0, 1):
        evaluate_here(tmp_path / f"{seed}.jsonl", benchmark=TRACED, seed=seed)
    one, two = (read_rows(tmp_path / f"{seed}.jsonl") for seed in (0, 1))
    assert [row.start for row in one] == [row.start for row in two]
    assert [row.starved_steps for row in one] != [row.starved_steps for row in two]


def test_a_delay_is_never_compared_or_ranked_with_another_one(tmp_path):
    for name, benchmark in (("plain", BENCHMARK), ("fixed", FIXED), ("more", BENCHMARK.with_delay(4))):
        evaluate_here(tmp_path / f"{name}.jsonl", benchmark=benchmark)
    evaluate_here(tmp_path / "other.jsonl", benchmark=FIXED, policy_sha256="beef")
    assert len(pair_files(tmp_path / "fixed.jsonl", tmp_path / "other.jsonl").pairs) == 8
    for name in ("plain", "more"):
        with pytest.raises(MismatchError, match="is of benchmark"):
            pair_files(tmp_path / f"{name}.jsonl", tmp_path / "other.jsonl")
    tables = leaderboard(tmp_path)["tables"]
    assert {one["benchmark"]: len(one["entries"]) for one in tables} == {
        "toy/plain": 1,
        "toy/plain/delay-3": 2,
        "toy/plain/delay-4": 1,
    }
    with pytest.raises(MismatchError, match="begun differently"):
        evaluate_here(tmp_path / "fixed.jsonl", benchmark=BENCHMARK.with_delay(4), resume=True)


def test_policies_are_compared_side_by_side_under_a_delay_and_ensembled(tmp_path):
    outs = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    pairs = list(evaluate_both(outs, benchmark=TRACED, ensemble=0.01))
    assert len(pairs) == 8
    assert all(one.starved_steps is not None for pair in pairs for one in pair)
    evaluate_here(tmp_path / "alone.jsonl", benchmark=TRACED)
    for alone, beside in zip(timeless(tmp_path / "alone.jsonl"), timeless(outs[0]), strict=True):
        assert alone == beside


def test_controls_go_with_a_delay(tmp_path):
    evaluate_here(tmp_path / "f.jsonl", benchmark=FIXED, control="shuffled-instruction")
    rows = read_rows(tmp_path / "f.jsonl")
    assert {(row.control, row.benchmark) for row in rows} == {("shuffled-instruction", FIXED.name)}


def test_a_trace_at_another_rate_and_a_robot_that_cannot_be_held_are_refused(tmp_path):
    fast = BENCHMARK.with_delay(DelayTrace((1,), 20.0))
    with pytest.raises(MismatchError, match=r"delays at 10 Hz, .* of 'toy', got a trace at 20 Hz"):
        evaluate_here(tmp_path / "f.jsonl", benchmark=fast)
    assert not (tmp_path / "f.jsonl").exists()
    toy = family()
    known = toy.embodiment(FIXED.spec("walk"))
    jumpy = replace(known, action=(replace(known.action[0], kind="discrete"),))
    with pytest.raises(MismatchError, match="to declare what holds its action"):
        check_compatibility(UniformPolicy(jumpy), FIXED, jumpy)
    check_compatibility(UniformPolicy(jumpy), BENCHMARK, jumpy)
