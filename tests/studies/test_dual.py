"""The study of two systems, end to end at a small scale, and what its bars are read from."""

import json
from dataclasses import replace

import pytest

from praxia.encoders.vision_language import VisionLanguage
from praxia.evaluation.benchmarks import find_benchmark
from praxia.policies.encoder_head import EncoderHead
from praxia.policies.two_systems import Dual
from praxia.results.rows import Row, read_rows
from praxia.studies import dual as module
from praxia.studies import stages

SUCCESSES = {
    "moving-slow-8": "000000001111",
    "moving-dual-8": "111111111111",
    "moving-dual-shuffled-8": "000000000011",
    "moving-fast-8": "000000000001",
    "still-dual-8": "111111111111",
    "still-slow-0": "111111111111",
}


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """Results of the arms that bars are read from, by the successes of their episodes."""
    rows = {}

    def write(**changed):
        rows.update({name.replace("_", "-"): text for name, text in changed.items()})
        return tmp_path

    rows.update({name: text * 30 for name, text in SUCCESSES.items()})
    monkeypatch.setattr(module, "read_rows", lambda path: [row(*one) for one in enumerate(rows[path.stem])])
    return write


def row(number, success):
    status = "success" if success == "1" else "failure"
    return Row("toy", "touch", str(number), "f00d", None, status, 7, 7 if success == "1" else None, None, "", None, 0.0)


def arms():
    return [
        {"arena": arena, "method": arm.method, "every": arm.every, "delay": arm.delay, "success": 0.5}
        for arena in module.ARENAS
        for arm in module.ARMS
    ]


def test_bars_are_read_from_pairs_of_equal_starts(finished):
    bars, got = module._bars(finished(), arms(), 9.0)
    assert bars == {"beats_slow": True, "needs_intents": False, "keeps_still": True, "slow_is_slow": True}
    assert "a thought costs 9.0 decisions" in got
    shuffled = SUCCESSES["moving-fast-8"] * 30
    bars, _ = module._bars(finished(moving_dual_shuffled_8=shuffled), arms(), 7.0)
    assert bars == {"beats_slow": True, "needs_intents": True, "keeps_still": True, "slow_is_slow": False}
    bars, _ = module._bars(finished(moving_dual_8="0" * 360, still_dual_8="110" * 120), arms(), 8.0)
    assert (bars["beats_slow"], bars["keeps_still"]) == (False, False)


def test_the_arms_are_the_parts_of_the_recipe():
    runs = module._runs()
    model = runs["dual"].model
    assert isinstance(model, Dual)
    slow, fast, present = (runs[name].model for name in ("slow", "fast", "dual-present"))
    assert isinstance(slow, EncoderHead)
    assert slow.encoder == model.slow
    assert slow.head == model.fast.head
    assert isinstance(fast, EncoderHead)
    assert isinstance(present, Dual)
    assert present.rate is None
    assert all(run.train == runs["dual"].train for run in runs.values())
    assert len({(arm.name, arm.execution) for arm in module.ARMS}) == len(module.ARMS)


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_every_arm_is_evaluated_on_the_same_starts(tmp_path, monkeypatch):
    def one_task(name):
        benchmark = find_benchmark(name)
        return benchmark.of_tasks(benchmark.tasks[:1])

    for one in (module, stages):
        monkeypatch.setattr(one, "find_benchmark", one_task)
    run = module.find_recipe(module.RECIPE)()
    assert isinstance(run.model, Dual)
    small = replace(run.model, slow=VisionLanguage(depth=1, vision_depth=1, patch_px=32))
    small_run = replace(run, model=small, train=replace(run.train, steps=1000, batch_size=4))
    monkeypatch.setattr(module, "find_recipe", lambda name: lambda: small_run)
    monkeypatch.setattr(module, "DEMONSTRATIONS", 1)
    monkeypatch.setattr(module, "EPISODES", 1)
    few = [module.SLOW_AT_ONCE, module.SLOW, module.FAST, module.DUAL, module.SHUFFLED, module.ARMS[-1]]
    monkeypatch.setattr(module, "ARMS", few)
    found = module.dual(tmp_path, seed=0, workers=1, scale=0.002, report=lambda *_: None)
    assert len(found["rows"]) == 2 * len(few)
    for row in found["rows"]:
        assert row["ci95"][0] <= row["success"] <= row["ci95"][1]
    assert found["slow_of_fast"] > 0
    assert set(found["passed"]) == {"beats_slow", "needs_intents", "keeps_still", "slow_is_slow"}
    for arena in module.ARENAS:
        files = [tmp_path / f"{arena}-{arm.name}.jsonl" for arm in few]
        assert len({tuple(row.start for row in read_rows(file)) for file in files}) == 1
    assert "Two systems" in (tmp_path / "report.html").read_text()
    assert json.loads((tmp_path / "summary.json").read_text())["slow_of_fast"] == found["slow_of_fast"]
