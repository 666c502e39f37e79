"""The study of heads, end to end at a small scale, with two of them."""

import json
from dataclasses import replace

import pytest

from praxia.core.errors import PraxiaError, UnknownName
from praxia.results.rows import read_rows, write_rows
from praxia.studies import heads as module
from praxia.studies.head_measurements import measure_head


@pytest.mark.slow
def test_heads_are_compared_on_the_same_data_and_starts(tmp_path, monkeypatch):
    small = replace(module.ARENAS["bimodal"], heads=("fast",), verdict=lambda table: (True, ""))
    monkeypatch.setitem(module.ARENAS, "bimodal", small)
    found = module.heads(tmp_path, seed=0, workers=1, scale=0.02, report=lambda *_: None, arena="bimodal", seeds=2)
    assert found["arena"] == "bimodal"
    assert found["expert"] == 1
    (row,) = found["rows"]
    assert row["head"] == "fast"
    assert 0 < row["tokens_per_action"] <= 2
    assert len(row["per_seed"]) == 2
    assert sum(row["modes"]) <= 1
    assert 0 <= row["minority"] <= 0.5
    assert row["ci95"][0] <= row["success"] == row["score"] <= row["ci95"][1]
    assert (row["seeds"], row["errors"], row["ci95_of"]) == (2, 0, "starts and training seeds")
    assert min(row["ms_per_chunk"], row["parameters"], row["samples_per_s"]) > 0
    starts = {
        tuple(json.loads(line)["start"] for line in (tmp_path / f"eval-fast-{at}.jsonl").read_text().splitlines())
        for at in (0, 1)
    }
    assert len(starts) == 1
    page = (tmp_path / "report.html").read_text()
    results_files = [tmp_path / f"eval-fast-{at}.jsonl" for at in (0, 1)]
    for text in ("Heads on bimodal", "tokens/action", "committed", "for the 2 training seeds"):
        assert text in page, text
    errors = [replace(one, status="error", progress=0.0, error="OSError: gone") for one in read_rows(results_files[0])]
    write_rows(results_files[0], [errors[0], *read_rows(results_files[0])[1:]])
    again = measure_head([tmp_path / "fast-0", tmp_path / "fast-1"], results_files, tmp_path / "data")
    kept = [one for path in results_files for one in read_rows(path) if one.status != "error"]
    assert (again["episodes"], again["errors"]) == (len(kept) + 1, 1)
    assert list(again["per_task"].values()) == [again["success"]]
    write_rows(results_files[0], errors)
    again = measure_head([tmp_path / "fast-0", tmp_path / "fast-1"], results_files, tmp_path / "data")
    assert (again["seeds"], again["ci95_of"], again["per_seed"][0]) == (1, "starts", None)
    assert again["success"] == again["per_seed"][1]
    with pytest.raises(PraxiaError, match="finished study"):
        module.heads(tmp_path, seed=0, workers=1, scale=0.03, report=lambda *_: None)


@pytest.mark.gl
@pytest.mark.slow
def test_heads_are_compared_with_images_and_instructions(tmp_path, monkeypatch):
    small = replace(module.ARENAS["tabletop"], heads=("flow",), verdict=lambda table: (True, ""))
    monkeypatch.setitem(module.ARENAS, "tabletop", small)
    found = module.heads(tmp_path, seed=0, workers=1, scale=0.002, report=lambda *_: None, arena="tabletop")
    (row,) = found["rows"]
    assert set(row["per_task"]) == {"touch", "press"}
    assert row["modes"] is None
    assert row["ms_per_chunk"] > 0


def test_heads_of_an_arena_differ_in_nothing_but_the_head():
    """The control of Tabletop differs in its text encoder, and in nothing else."""
    for arena in module.ARENAS.values():
        runs = [module.recipe_of(arena, head)[1] for head in arena.heads]
        same = [replace(run, model=replace(run.model, head=runs[0].model.head)) for run in runs]
        different = [head for head, run in zip(arena.heads, same, strict=True) if run != same[0]]
        assert different == [head for head in arena.heads if "language-free" in head]


def test_tabletop_is_compared_with_a_head_without_instructions():
    def passes(flow, language_free):
        rows = [("flow", flow), ("flow-language-free", language_free)]
        table = {"rows": [{"head": name, "success": sum(ci) / 2, "ci95": list(ci)} for name, ci in rows]}
        return module.ARENAS["tabletop"].verdict(table)[0]

    assert passes((0.6, 0.8), (0.2, 0.4))
    assert not passes((0.3, 0.5), (0.2, 0.4))


def test_an_unknown_arena_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(UnknownName, match="bimodal"):
        module.heads(tmp_path, seed=0, workers=1, scale=1.0, report=lambda *_: None, arena="bimodl")


def test_a_side_needs_a_verdict_on_both():
    def row(head, success, modes=(0.5, 0.5)):
        return {"head": head, "success": success, "modes": list(modes)}

    def two_ways(rows):
        return module.ARENAS["bimodal"].verdict({"rows": rows})[0]

    good = [row(name, 0.95) for name in ("flow", "diffusion-unet", "bins", "fast")]
    assert two_ways([*good, row("regression", 0.0)])
    assert not two_ways([*good, row("regression", 0.95)])
    assert not two_ways([*good[:-1], row("fast", 0.95, (0.1, 0.9)), row("regression", 0.0)])


def test_pusht_is_read_against_its_expert():
    def near(flow, diffusion):
        rows = [{"head": "flow", "score": flow}, {"head": "diffusion", "score": diffusion}]
        return module.ARENAS["pusht"].verdict({"expert": 0.95, "rows": rows})[0]

    assert near(0.86, 0.9)
    assert not near(0.86, 0.8)
