import json

import pytest
from ball_world import write_results, write_run

from praxia.core.errors import DataError, PraxiaError
from praxia.studio.sources import read_sources


def test_a_folder_is_searched_two_levels_deep_and_each_thing_found_once(tmp_path):
    write_results(tmp_path / "results" / "all.jsonl", {"push": "s"})
    write_results(tmp_path / "a" / "b" / "deep.jsonl", {"push": "s"})
    write_results(tmp_path / "a" / "b" / "c" / "too_deep.jsonl", {"push": "s"})
    write_run(tmp_path / "train" / "seeing")
    material = read_sources([tmp_path, tmp_path / "train" / "seeing", tmp_path / "results" / "all.jsonl"])
    assert sorted(file.path.name for file in material.results) == ["all.jsonl", "deep.jsonl"]
    assert [run.name for run in material.runs] == ["seeing"]


def test_a_run_knows_its_numbers_and_whether_it_is_blind(tmp_path):
    (run,) = read_sources([write_run(tmp_path / "run", steps=80)]).runs
    assert [line["step"] for line in run.metrics] == [40, 80]
    assert not run.is_blind
    assert not run.is_language_free
    (blind,) = read_sources([write_run(tmp_path / "blind", blind=True)]).runs
    assert blind.is_blind
    (mute,) = read_sources([write_run(tmp_path / "mute", mute=True)]).runs
    assert mute.is_language_free
    assert not mute.is_blind


def test_a_running_training_is_read_up_to_its_last_complete_line(tmp_path):
    run = write_run(tmp_path / "run", steps=80)
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 120, "lo')
    assert len(read_sources([run]).runs[0].metrics) == 2


def test_a_dataset_is_summed_up(tiny_dataset):
    (dataset,) = read_sources([tiny_dataset]).datasets
    assert dataset.info["episodes"] == 3
    assert dataset.plan == {"seed": 0}


@pytest.mark.parametrize("kind", ["missing", "empty folder", "text file", "other json lines"])
def test_what_is_nothing_of_ours_is_refused_in_one_line(tmp_path, kind):
    source = tmp_path / "it"
    if kind == "empty folder":
        source.mkdir()
    elif kind == "text file":
        source.write_text("hello")
    elif kind == "other json lines":
        source = tmp_path / "it.jsonl"
        source.write_text(json.dumps({"step": 1}) + "\n")
    with pytest.raises(
        PraxiaError, match=r"expected results \(X.jsonl\), a training run or a data set at .*it"
    ) as caught:
        read_sources([source])
    assert "\n" not in str(caught.value)


def test_a_broken_run_is_named(tmp_path):
    run = write_run(tmp_path / "run")
    (run / "run.json").write_text("{")
    with pytest.raises(DataError, match=r"run\.json is not JSON"):
        read_sources([run])


def test_results_without_what_made_them_are_refused(tmp_path):
    write_results(tmp_path / "x.jsonl", {"push": "s"})
    (tmp_path / "x.jsonl.meta.json").unlink()
    with pytest.raises(DataError, match=r"x\.jsonl\.meta\.json"):
        read_sources([tmp_path / "x.jsonl"])


def test_rows_of_another_version_are_refused_and_not_passed_over(tmp_path):
    write_results(tmp_path / "new.jsonl", {"push": "s"})
    (tmp_path / "old.jsonl").write_text((tmp_path / "new.jsonl").read_text().replace("praxia.row.v4", "praxia.row.v2"))
    with pytest.raises(DataError, match=r"old\.jsonl line 1 has schema 'praxia\.row\.v2'"):
        read_sources([tmp_path])


def test_runs_of_earlier_versions_are_read(tmp_path):
    path = write_run(tmp_path / "blind", blind=True, mute=True) / "policy" / "policy.json"
    path.write_text(path.read_text().replace('"observation_steps"', '"moments"').replace('"type"', '"part"'))
    (run,) = read_sources([tmp_path]).runs
    assert run.is_blind
    assert run.is_language_free
