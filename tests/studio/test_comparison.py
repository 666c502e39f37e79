from dataclasses import replace

import pytest
from ball_world import write_results, write_run

from praxia.results.rows import read_rows, write_rows
from praxia.studio.comparison import group_by_benchmark
from praxia.studio.report import render_report
from praxia.studio.sources import read_sources


def test_the_policy_is_the_main_one_whatever_the_name_of_its_file(tmp_path):
    write_results(tmp_path / "a.jsonl", {"push": "f"}, control="swapped-image")
    write_results(tmp_path / "b.jsonl", {"push": "f"}, policy="expert", sha256="expert")
    write_results(tmp_path / "c.jsonl", {"push": "f"}, policy="zero", sha256="zero")
    write_results(tmp_path / "d.jsonl", {"push": "f"}, policy="runs/odd/policy", sha256="b11d")
    write_results(tmp_path / "e.jsonl", {"push": "s"})
    write_results(tmp_path / "f.jsonl", {"push": "f"}, control="shuffled-instruction")
    write_results(tmp_path / "g.jsonl", {"push": "f"}, control="other-instruction")
    write_results(tmp_path / "h.jsonl", {"push": "f"}, policy="runs/even/policy", sha256="deaf")
    write_results(tmp_path / "i.jsonl", {"push": "f"}, control="of-another-package")
    write_run(tmp_path / "odd", blind=True, sha256="b11d")
    write_run(tmp_path / "even", mute=True, sha256="deaf")
    write_run(tmp_path / "good-one")
    (comparison,) = group_by_benchmark(read_sources([tmp_path]))
    assert comparison.main.label == "good-one"
    assert [one.label for one in comparison.others] == [
        "other-instruction",
        "swapped-image",
        "shuffled-instruction",
        "language-free",
        "blind",
        "expert",
        "zero",
        "of-another-package",
    ]


def test_blind_policies_are_candidates_if_all_are_blind(tmp_path):
    for name in ("flow", "bins"):
        write_results(tmp_path / f"{name}.jsonl", {"push": "f"}, policy=f"runs/{name}", sha256=name)
        write_run(tmp_path / name, blind=True, mute=True, sha256=name)
    write_results(tmp_path / "expert.jsonl", {"push": "s"}, policy="expert", sha256="expert")
    (comparison,) = group_by_benchmark(read_sources([tmp_path]))
    assert [one.label for one in comparison.all] == ["bins", "flow", "expert"]


@pytest.mark.parametrize(
    ("policy", "label"),
    [
        ("runs/big/policy", "big"),
        ("runs/big", "big"),
        ("expert", "expert"),
        ("runs/train-blind/policy", "blind"),
        ("runs/tabletop-language-free", "language-free"),
        ("runs/mute-2/policy", "language-free"),
        ("runs/commuter", "commuter"),
    ],
)
def test_without_its_run_a_policy_is_named_by_the_command_line(tmp_path, policy, label):
    write_results(tmp_path / "x.jsonl", {"push": "s"}, policy=policy)
    (comparison,) = group_by_benchmark(read_sources([tmp_path]))
    assert comparison.main.label == label


def test_there_is_one_comparison_per_benchmark(tmp_path):
    write_results(tmp_path / "a.jsonl", {"push": "s"}, benchmark="ball/one")
    write_results(tmp_path / "b.jsonl", {"push": "s"}, benchmark="ball/two")
    write_results(tmp_path / "c.jsonl", {"push": "s"}, benchmark="ball/one", control="swapped-image")
    one, two = group_by_benchmark(read_sources([tmp_path]))
    assert (one.name, len(one.others)) == ("ball/one", 1)
    assert (two.name, len(two.others)) == ("ball/two", 0)


def test_a_second_policy_comes_before_the_controls(tmp_path):
    write_results(tmp_path / "a.jsonl", {"push": "s"}, policy="runs/first")
    write_results(tmp_path / "b.jsonl", {"push": "f"}, control="swapped-image")
    write_results(tmp_path / "c.jsonl", {"push": "f"}, policy="runs/second", sha256="2")
    (comparison,) = group_by_benchmark(read_sources([tmp_path]))
    assert [one.label for one in comparison.all] == ["first", "second", "swapped-image"]


def test_the_axes_of_generalisation_come_first_and_in_their_order(tmp_path):
    for number, axis in enumerate(("", "long", "embodiment", "scene", "task", "train")):
        write_results(tmp_path / f"{number}.jsonl", {"push": "s"}, benchmark=f"ball/{axis or 'plain'}", axis=axis)
    names = [comparison.name for comparison in group_by_benchmark(read_sources([tmp_path]))]
    assert names == ["ball/train", "ball/task", "ball/scene", "ball/embodiment", "ball/long", "ball/plain"]


def test_each_policy_is_read_against_its_own_controls_and_every_reference(tmp_path):
    write_results(tmp_path / "a.jsonl", {"push": "s"}, policy="runs/first")
    write_results(tmp_path / "b.jsonl", {"push": "s"}, policy="runs/second", sha256="2")
    write_results(tmp_path / "c.jsonl", {"push": "f"}, policy="runs/first", control="swapped-image")
    write_results(tmp_path / "d.jsonl", {"push": "f"}, policy="runs/second", sha256="2", control="swapped-image")
    write_results(tmp_path / "e.jsonl", {"push": "s"}, policy="expert", sha256="expert")
    (comparison,) = group_by_benchmark(read_sources([tmp_path]))
    first, second = comparison.candidates
    assert [one.label for one in comparison.references_for(first)] == ["swapped-image", "expert"]
    assert [one.label for one in comparison.references_for(second)] == ["swapped-image of second", "expert"]
    assert comparison.others[2].kind == "swapped-image"


def test_an_ensembled_evaluation_is_labelled_and_never_the_main_one(tmp_path):
    write_results(tmp_path / "a.jsonl", {"push": "s"}, ensemble=0.01)
    write_results(tmp_path / "b.jsonl", {"push": "s"})
    write_results(tmp_path / "c.jsonl", {"push": "f"}, control="swapped-image")
    write_results(tmp_path / "d.jsonl", {"push": "f"}, control="swapped-image", ensemble=0.01)
    (comparison,) = group_by_benchmark(read_sources([tmp_path]))
    assert [one.label for one in comparison.all] == [
        "seeing",
        "seeing (ensemble 0.01)",
        "swapped-image",
        "swapped-image (ensemble 0.01) of seeing",
    ]
    plain, averaged = comparison.candidates
    assert [one.source.path.stem for one in comparison.references_for(plain)] == ["c"]
    assert [one.source.path.stem for one in comparison.references_for(averaged)] == ["d"]


def test_without_an_ordinary_evaluation_the_main_one_is_the_candidate(tmp_path):
    write_results(tmp_path / "a.jsonl", {"push": "s"}, policy="expert", sha256="expert")
    (comparison,) = group_by_benchmark(read_sources([tmp_path]))
    assert comparison.candidates == (comparison.main,)


def test_other_sampling_options_are_in_the_label_after_the_name_of_the_run(tmp_path):
    write_run(tmp_path / "flow", sha256="w")
    known = {"weights_sha256": "w", "policy": "runs/elsewhere"}
    write_results(tmp_path / "a.jsonl", {"push": "s"}, sha256="few", sampling={"steps": 2}, **known)
    write_results(tmp_path / "b.jsonl", {"push": "f"}, sha256="own", **known)
    write_results(
        tmp_path / "c.jsonl", {"push": "f"}, sha256="few", sampling={"steps": 2}, control="swapped-image", **known
    )
    (comparison,) = group_by_benchmark(read_sources([tmp_path]))
    labels = [one.label for one in comparison.all]
    assert labels == ["flow", "flow (steps 2)", "swapped-image (steps 2) of flow"]
    assert [one.label for one in comparison.references_for(comparison.all[1])] == [labels[2]]


def test_older_results_belong_to_the_run_of_their_weights(tmp_path):
    write_run(tmp_path / "flow", sha256="w")
    write_results(tmp_path / "a.jsonl", {"push": "s"}, sha256="w", policy="elsewhere")
    (comparison,) = group_by_benchmark(read_sources([tmp_path]))
    assert comparison.main.label == "flow"


def test_an_evaluation_with_repeats_has_rates_and_is_in_no_pair_or_ranking(tmp_path):
    """The rest of the folder is reported as without it."""
    for at, name in enumerate("abcd"):
        write_results(tmp_path / f"{name}.jsonl", {"push": "sf"}, policy=f"runs/{name}", sha256=name * 64)
        write_results(tmp_path / f"{name}{at}.jsonl", {"push": "ff"}, control="swapped-image", sha256=name * 64)
    rows = read_rows(tmp_path / "a.jsonl")
    write_rows(tmp_path / "a.jsonl", [*rows, *(replace(row, repeat=1) for row in rows)])
    sources = read_sources([tmp_path])
    (comparison,) = group_by_benchmark(sources)
    assert [one.policy for one in comparison.paired_candidates] == ["b", "c", "d"]
    assert (comparison.main.policy, comparison.main.summary["success"]) == ("a", 0.5)
    page = render_report(sources, [comparison], {})
    assert page.count("several episodes from one start") == 2, "at the evaluation, and at its control's drop"
    assert "<h2>Ranking" in page


def test_of_one_policys_files_the_one_without_repeats_counts(tmp_path):
    rows = write_results(tmp_path / "a.jsonl", {"push": "sf"})
    write_results(tmp_path / "b.jsonl", {"push": "sf"})
    write_rows(tmp_path / "a.jsonl", [*rows, *(replace(row, repeat=1) for row in rows)])
    (comparison,) = group_by_benchmark(read_sources([tmp_path]))
    assert comparison.main.source.path.name == "b.jsonl"
    assert [one.repeats for one in comparison.others] == ["b.jsonl"]
