import pytest
from ball_world import judge, train

from praxia.studio.comparison import compare
from praxia.studio.sources import gather


def test_the_policy_is_the_main_one_whatever_its_file_is_called(tmp_path):
    judge(tmp_path / "a.jsonl", {"push": "f"}, control="swapped-image")
    judge(tmp_path / "b.jsonl", {"push": "f"}, policy="expert", sha256="expert")
    judge(tmp_path / "c.jsonl", {"push": "f"}, policy="zero", sha256="zero")
    judge(tmp_path / "d.jsonl", {"push": "f"}, policy="runs/odd/policy", sha256="b11d")
    judge(tmp_path / "e.jsonl", {"push": "s"})
    judge(tmp_path / "f.jsonl", {"push": "f"}, control="shuffled-instruction")
    judge(tmp_path / "g.jsonl", {"push": "f"}, control="other-instruction")
    judge(tmp_path / "h.jsonl", {"push": "f"}, policy="runs/even/policy", sha256="deaf")
    judge(tmp_path / "i.jsonl", {"push": "f"}, control="of-another-package")
    train(tmp_path / "odd", blind=True, sha256="b11d")
    train(tmp_path / "even", mute=True, sha256="deaf")
    train(tmp_path / "good-one")
    (comparison,) = compare(gather([tmp_path]))
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


def test_where_no_policy_has_a_sense_those_without_it_are_judged_for_themselves(tmp_path):
    for name in ("flow", "bins"):
        judge(tmp_path / f"{name}.jsonl", {"push": "f"}, policy=f"runs/{name}", sha256=name)
        train(tmp_path / name, blind=True, mute=True, sha256=name)
    judge(tmp_path / "expert.jsonl", {"push": "s"}, policy="expert", sha256="expert")
    (comparison,) = compare(gather([tmp_path]))
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
def test_without_its_run_a_policy_is_called_by_what_was_typed(tmp_path, policy, label):
    judge(tmp_path / "x.jsonl", {"push": "s"}, policy=policy)
    (comparison,) = compare(gather([tmp_path]))
    assert comparison.main.label == label


def test_each_benchmark_is_compared_for_itself(tmp_path):
    judge(tmp_path / "a.jsonl", {"push": "s"}, benchmark="ball/one")
    judge(tmp_path / "b.jsonl", {"push": "s"}, benchmark="ball/two")
    judge(tmp_path / "c.jsonl", {"push": "s"}, benchmark="ball/one", control="swapped-image")
    one, two = compare(gather([tmp_path]))
    assert (one.name, len(one.others)) == ("ball/one", 1)
    assert (two.name, len(two.others)) == ("ball/two", 0)


def test_a_second_policy_stands_before_the_controls(tmp_path):
    judge(tmp_path / "a.jsonl", {"push": "s"}, policy="runs/first")
    judge(tmp_path / "b.jsonl", {"push": "f"}, control="swapped-image")
    judge(tmp_path / "c.jsonl", {"push": "f"}, policy="runs/second", sha256="2")
    (comparison,) = compare(gather([tmp_path]))
    assert [one.label for one in comparison.all] == ["first", "second", "swapped-image"]


def test_the_axes_of_generalisation_come_first_and_in_their_order(tmp_path):
    for number, axis in enumerate(("", "long", "embodiment", "scene", "task", "train")):
        judge(tmp_path / f"{number}.jsonl", {"push": "s"}, benchmark=f"ball/{axis or 'plain'}", axis=axis)
    names = [comparison.name for comparison in compare(gather([tmp_path]))]
    assert names == ["ball/train", "ball/task", "ball/scene", "ball/body", "ball/long", "ball/plain"]


def test_each_policy_is_read_against_its_own_controls_and_every_reference(tmp_path):
    judge(tmp_path / "a.jsonl", {"push": "s"}, policy="runs/first")
    judge(tmp_path / "b.jsonl", {"push": "s"}, policy="runs/second", sha256="2")
    judge(tmp_path / "c.jsonl", {"push": "f"}, policy="runs/first", control="swapped-image")
    judge(tmp_path / "d.jsonl", {"push": "f"}, policy="runs/second", sha256="2", control="swapped-image")
    judge(tmp_path / "e.jsonl", {"push": "s"}, policy="expert", sha256="expert")
    (comparison,) = compare(gather([tmp_path]))
    first, second = comparison.candidates
    assert [one.label for one in comparison.beside(first)] == ["swapped-image", "expert"]
    assert [one.label for one in comparison.beside(second)] == ["swapped-image of second", "expert"]
    assert comparison.others[2].kind == "swapped-image"


def test_what_was_ensembled_says_so_and_never_stands_for_the_benchmarks_own_pace(tmp_path):
    judge(tmp_path / "a.jsonl", {"push": "s"}, ensemble=0.01)
    judge(tmp_path / "b.jsonl", {"push": "s"})
    judge(tmp_path / "c.jsonl", {"push": "f"}, control="swapped-image")
    judge(tmp_path / "d.jsonl", {"push": "f"}, control="swapped-image", ensemble=0.01)
    (comparison,) = compare(gather([tmp_path]))
    assert [one.label for one in comparison.all] == [
        "seeing",
        "seeing (ensemble 0.01)",
        "swapped-image",
        "swapped-image (ensemble 0.01) of seeing",
    ]
    plain, averaged = comparison.candidates
    assert [one.source.path.stem for one in comparison.beside(plain)] == ["c"]
    assert [one.source.path.stem for one in comparison.beside(averaged)] == ["d"]


def test_where_no_policy_is_judged_for_its_own_sake_the_main_one_stands_in(tmp_path):
    judge(tmp_path / "a.jsonl", {"push": "s"}, policy="expert", sha256="expert")
    (comparison,) = compare(gather([tmp_path]))
    assert comparison.candidates == (comparison.main,)


def test_what_was_sampled_otherwise_says_so_and_keeps_the_name_of_its_run(tmp_path):
    train(tmp_path / "flow", sha256="w")
    known = {"weights_sha256": "w", "policy": "runs/elsewhere"}
    judge(tmp_path / "a.jsonl", {"push": "s"}, sha256="few", sampling={"steps": 2}, **known)
    judge(tmp_path / "b.jsonl", {"push": "f"}, sha256="own", **known)
    judge(tmp_path / "c.jsonl", {"push": "f"}, sha256="few", sampling={"steps": 2}, control="swapped-image", **known)
    (comparison,) = compare(gather([tmp_path]))
    labels = [one.label for one in comparison.all]
    assert labels == ["flow", "flow (steps 2)", "swapped-image (steps 2) of flow"]
    assert [one.label for one in comparison.beside(comparison.all[1])] == [labels[2]]


def test_results_from_before_identities_belong_to_the_run_of_their_weights(tmp_path):
    train(tmp_path / "flow", sha256="w")
    judge(tmp_path / "a.jsonl", {"push": "s"}, sha256="w", policy="elsewhere")
    (comparison,) = compare(gather([tmp_path]))
    assert comparison.main.label == "flow"
