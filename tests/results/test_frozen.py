"""Results in `tests/frozen/results` are read, summarised, compared and ranked as the version that wrote them did."""

import json
import shutil
from dataclasses import asdict

import pytest
from frozen_testing import FROZEN, expected

from praxia.core.errors import DataError, MismatchError
from praxia.envs import build, find_family
from praxia.evaluation.benchmarks import benchmark_names, find_benchmark
from praxia.evaluation.plan import Evaluation
from praxia.evaluation.policy_entry import find_policy
from praxia.evaluation.runner import evaluate
from praxia.results import fingerprint
from praxia.results.folder import read_folder, results_name
from praxia.results.leaderboard import leaderboard
from praxia.results.meta import differences, read_meta
from praxia.results.migration import META_SCHEMA, ROW_SCHEMA, migrate_meta, migrate_row
from praxia.results.pairs import pair_files
from praxia.results.rows import actions_digest, read_rows, write_rows
from praxia.results.store import read_replay
from praxia.results.summary import summarise_as
from praxia.results.verdict import verdict_of

RESULTS = FROZEN / "results"
FILES = sorted(RESULTS.rglob("*.jsonl"))
every = pytest.mark.parametrize("file", FILES, ids=lambda one: one.relative_to(RESULTS).as_posix())


def renamed(value):
    """What the earlier version printed, under today's names."""
    if isinstance(value, dict):
        return {"path_length" if name == "path" else name: renamed(item) for name, item in value.items()}
    return [renamed(item) for item in value] if isinstance(value, list) else value


def close(found, wanted):
    """Whether JSON values are equal, numbers up to their last bits."""
    if isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(close(found[name], item) for name, item in wanted.items())
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(close, found, wanted))
    return found == (pytest.approx(wanted) if isinstance(wanted, float) else wanted)


@every
def test_each_row_has_the_actions_that_it_is_about(file):
    meta, rows = read_meta(file), read_rows(file)
    assert len(rows) == meta["planned"]
    for row in rows:
        replay = read_replay(file, row.start)
        assert len(replay.actions) == row.steps
        assert actions_digest(replay.actions) == row.actions_sha256
        assert replay.start.key == row.start
        assert replay.spec.task == row.task


@pytest.mark.parametrize("name", ["compared/expert.jsonl", "tabletop.jsonl", "pusht.jsonl"])
def test_an_episode_runs_again_as_it_ran(name):
    row = read_rows(RESULTS / name)[0]
    replay = read_replay(RESULTS / name, row.start)
    env = build(replay.spec)
    env.reset(replay.start)
    outcomes = [env.command(action) for action in replay.actions]
    env.close()
    succeeded = [step for step, outcome in enumerate(outcomes, 1) if outcome.success]
    assert next(iter(succeeded), None) == row.success_step
    assert (row.status == "success") == bool(succeeded)


def test_the_rows_have_the_same_summary():
    file = RESULTS / "finished.jsonl"
    found = summarise_as(read_meta(file)["fingerprint"]["benchmark"], read_rows(file))
    assert close(found, renamed(expected("results")["finished"]))


def test_two_files_have_the_same_verdict():
    wanted = {name: value for name, value in expected("results")["compared"].items() if name != "privilege"}
    files = [FROZEN / name for name in wanted.pop("results")]
    assert [results_name(file) for file in files] == ["expert", "finished"]
    assert close(verdict_of(pair_files(*files), until_decided=True), wanted)


def test_the_leaderboard_is_the_same():
    assert close(leaderboard(RESULTS), renamed(expected("results")["leaderboard"]))


def test_each_file_has_the_same_kind():
    files, unreadable = read_folder(RESULTS)
    assert not unreadable
    kinds = {file.name: file.kind for file in files}
    for name, kind in {
        "compared/expert.jsonl": "privileged",
        "compared/finished.jsonl": "policy",
        "finished.jsonl": "policy",
        "frozen-state.jsonl": "control",
        "pusht.jsonl": "policy",
        "tabletop.jsonl": "privileged",
        "zero-ensemble.jsonl": "policy",
    }.items():
        assert kinds[name] == kind


@every
def test_old_rows_are_today_s_rows_under_other_names(file, tmp_path):
    rows, lines = read_rows(file), [json.loads(line) for line in file.read_text().splitlines()]
    assert {line["schema"] for line in lines} == {"praxia.row.v3"}
    write_rows(tmp_path / "new.jsonl", rows)
    assert read_rows(tmp_path / "new.jsonl") == rows
    for old, new in zip(lines, map(json.loads, (tmp_path / "new.jsonl").read_text().splitlines()), strict=True):
        assert new == {**renamed(old), "schema": ROW_SCHEMA}


@every
def test_an_old_benchmark_is_today_s(file):
    meta = read_meta(file)
    assert json.loads(file.with_name(f"{file.name}.meta.json").read_text())["schema"] == "praxia.evaluation.v2"
    assert meta["schema"] == META_SCHEMA
    benchmark = meta["fingerprint"]["benchmark"]
    assert benchmark["name"] in benchmark_names()
    assert differences(benchmark, json.loads(json.dumps(find_benchmark(benchmark["name"]).to_json()))) == ""
    assert migrate_meta(file, meta) == meta


def test_names_that_changed_are_read():
    row = {"schema": "praxia.row.v3", "benchmark": "tabletop/body", "path": 1.5}
    assert migrate_row(row) == {"schema": ROW_SCHEMA, "benchmark": "tabletop/embodiment", "path_length": 1.5}
    pace = {"executed_steps": 4, "ensemble": None}
    benchmark = {"name": "tabletop/body", "summary": "another robot", "axis": "body", "pace": pace}
    old = {"schema": "praxia.evaluation.v2", "planned": 5, "fingerprint": {"benchmark": benchmark, "pace": pace}}
    execution = {"execution_horizon": 4, "ensemble": None}
    benchmark = {"name": "tabletop/embodiment", "axis": "embodiment", "execution": execution}
    new = {"schema": META_SCHEMA, "planned": 5, "fingerprint": {"benchmark": benchmark, "execution": execution}}
    assert migrate_meta(RESULTS, old) == new


def test_metadata_of_a_later_version_are_refused_by_their_schema(tmp_path):
    shutil.copy(RESULTS / "finished.jsonl", tmp_path / "a.jsonl")
    meta = {**read_meta(RESULTS / "finished.jsonl"), "schema": "praxia.evaluation.v9"}
    (tmp_path / "a.jsonl.meta.json").write_text(json.dumps(meta))
    with pytest.raises(DataError, match=r"a\.jsonl\.meta\.json has schema 'praxia.evaluation.v9', expected"):
        read_meta(tmp_path / "a.jsonl")


def test_old_and_new_results_are_compared_and_ranked_together(tmp_path):
    """Files of one policy, before and after, are one competitor; of two policies they are pairs."""
    old, new = tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    for file, copy in (("compared/expert.jsonl", old), ("compared/finished.jsonl", tmp_path / "policy.jsonl")):
        shutil.copy(RESULTS / file, copy)
        shutil.copy(RESULTS / f"{file}.meta.json", f"{copy}.meta.json")
    write_rows(new, read_rows(old))
    (tmp_path / "new.jsonl.meta.json").write_text(json.dumps(read_meta(old)))
    assert pair_files(old, tmp_path / "policy.jsonl") == pair_files(new, tmp_path / "policy.jsonl")
    with pytest.raises(MismatchError, match="of the same one"):
        pair_files(old, new)
    (table,) = leaderboard(tmp_path)["tables"]
    assert {one["file"]: one["repeats"] for one in table["entries"]} == {
        "old.jsonl": "new.jsonl",
        "new.jsonl": None,
        "policy.jsonl": None,
    }
    assert {one["differs"] for one in table["entries"]} == {""}


@pytest.mark.parametrize("name", ["zero-ensemble.jsonl", "compared/expert.jsonl"])
def test_an_old_evaluation_is_resumed(name, tmp_path, monkeypatch):
    """The source has changed since, which an evaluation refuses: here its hash is kept as it was."""
    out, old = tmp_path / "f.jsonl", RESULTS / name
    lines = old.read_bytes().splitlines(keepends=True)
    out.write_bytes(b"".join(lines[:2]))
    shutil.copy(f"{old}.meta.json", f"{out}.meta.json")
    recorded = read_meta(old)["fingerprint"]
    benchmark = find_benchmark(recorded["benchmark"]["name"])
    policy = find_policy(
        name.split("-")[0].removeprefix("compared/").removesuffix(".jsonl"), benchmark, exact=True
    ).policy
    for part in ("versions", "machine"):
        monkeypatch.setattr(fingerprint, part, lambda found=recorded[part]: found)
    monkeypatch.setattr(fingerprint, "code", lambda: {"source_sha256": recorded["source_sha256"]})
    evaluation = Evaluation(
        benchmark, recorded["policy_sha256"], len(lines), exact=True, ensemble=recorded["execution"]["ensemble"]
    )
    evaluate(policy, evaluation, out, find_family(benchmark.env), resume=True)
    assert len(list(out.with_name(f"{out.name}.actions").iterdir())) == len(lines) - 2, "the other two are kept"
    assert {json.loads(line)["schema"] for line in out.read_text().splitlines()} == {ROW_SCHEMA}
    for row, before in zip(read_rows(out), read_rows(old), strict=True):
        assert close({**asdict(row), "wall_s": None}, {**asdict(before), "wall_s": None})
