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
    train(tmp_path / "odd", blind=True, sha256="b11d")
    train(tmp_path / "good-one")
    (comparison,) = compare(gather([tmp_path]))
    assert comparison.main.label == "good-one"
    assert [one.label for one in comparison.others] == [
        "swapped-image",
        "shuffled-instruction",
        "blind",
        "expert",
        "zero",
    ]


@pytest.mark.parametrize(
    ("policy", "label"),
    [("runs/big/policy", "big"), ("runs/big", "big"), ("expert", "expert"), ("runs/train-blind/policy", "blind")],
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
